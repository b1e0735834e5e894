"""Kills a training again and again: `python kills.py FOLDER NAME ...`; the kills of each configuration that is named go out as JSON.
Each process is forked from this warm one, which has trained nothing, so that it starts in a tenth of a second; what kills it kills a real process."""
import itertools,json,os,random,signal,sys,time
from pathlib import Path
import torch
import torch._dynamo                                               # every optimiser imports it: here once, for all processes
import resume_child

phases  = 'step','snapshot','write','written','prune','pruned'
wild = dict(init_scale=2.**40, growth_interval=7)           # too large at first, so that steps are left out, and grows soon
configs = dict(lstm=(dict(cell='lstm', n=12, dropout=0.2, every=3),16), mingru=(dict(cell='mingru', n=9, n_layers=2, fit='flat_cos', every=4),8),
    counted=(dict(counts=4, n=9, every=3),10), own=(dict(wrap='own', n=8, every=3),7), parallel=(dict(wrap='parallel', cell='gru', n=8, every=3),7),
    beside=(dict(n_cells=2, n=8, every=3),6), halves=(dict(fit='steps', steps=300, halves=.5, dropout=.2, every=3),8),
    fp16=(dict(cell='gru', fit='steps', steps=90, every=4, precision='fp16', scale=wild, n_acc=8),3))

def start(log, *args):
    "A process that trains: its id, and a pipe that ends when it is ready or over"
    r,w = os.pipe()
    pid = os.fork()
    if pid:
        os.close(w)
        return pid,r
    code = 99
    try:
        os.close(r)
        out = os.open(log, os.O_WRONLY|os.O_CREAT|os.O_APPEND)
        os.dup2(out, 1)
        os.dup2(out, 2)
        resume_child.main(*args, ready=lambda: os.close(w))
        code = 0
    except BaseException:
        import traceback
        os.write(2, traceback.format_exc().encode())
    finally: os._exit(code)

def kill_until_done(cfg, n, folder, name, turn, longest=.15):
    "Start, kill, start again: half of the kills at random moments from outside, half at the phase whose turn it is; what killed it each time"
    rnd,out,log,done = random.Random(7),folder/f'{name}.out',folder/f'{name}.log',[]
    while not out.exists():
        kind = 'none' if len(done)>=n else 'outside' if len(done)%2 else next(turn)
        pid,ready = start(log, json.dumps(cfg), folder/name, out, f'{kind}:{rnd.randint(1,6)}' if kind in phases else '')
        os.read(ready, 1)
        os.close(ready)
        if kind=='outside':
            time.sleep(rnd.uniform(0, longest))
            os.kill(pid, signal.SIGKILL)
        _,st = os.waitpid(pid, 0)
        if os.WIFSIGNALED(st) and os.WTERMSIG(st)==signal.SIGKILL: done.append(kind)
        else: assert os.WIFEXITED(st) and os.WEXITSTATUS(st)==0 and out.exists(), f'{name}, {kind}: status {st}: {log.read_text()[-3000:]}'
    return done

def main(folder, *names):
    torch.set_num_threads(1)
    turn = itertools.cycle(phases)
    print(json.dumps({k:kill_until_done(*configs[k], Path(folder), k, turn) for k in names}))

if __name__=='__main__': main(*sys.argv[1:])
