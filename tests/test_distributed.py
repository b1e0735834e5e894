"Processes under `torchrun` learn what one does, stop together, and resume to the bit"
import json, os, shutil, socket, subprocess, sys, time
from contextlib import suppress
from pathlib import Path
import pytest, torch, warm
from charrnn_fa.keep.runs import newest_checkpoint
from conftest import root
from safetensors.torch import load_file

env = dict(os.environ, PYTHONPATH=str(root), OMP_NUM_THREADS='1')
torchrun = [sys.executable,'-m','torch.distributed.run','--standalone','--nproc_per_node']

def as_torchrun(n, args, cwd):
    "What `torchrun` does, with warm processes: each is told its number and where to meet, and where one fails the others are ended"
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        meet = dict(env, WORLD_SIZE=str(n), MASTER_ADDR='127.0.0.1', MASTER_PORT=str(s.getsockname()[1]))
    files = [[(cwd/f'{i}.{o}').open('w+') for o in ('out','err')] for i in range(n)]
    ps  = [warm.Popen(args, cwd=cwd, env=dict(meet, RANK=str(i), LOCAL_RANK=str(i)), stdout=a, stderr=b) for i,(a,b) in enumerate(files)]
    end = time.monotonic()+240
    while any(p.poll() is None for p in ps) and not any(p.returncode for p in ps) and time.monotonic()<end: time.sleep(.05)
    for stop in (warm.Popen.terminate, warm.Popen.kill):
        for p in ps: stop(p)
        for p in ps:
            with suppress(subprocess.TimeoutExpired): p.wait(20)
    out,err = (''.join(f.seek(0) or f.read() for f in o) for o in zip(*files))
    return subprocess.CompletedProcess(args, next((p.returncode for p in ps if p.returncode), 0), out, err)

def start(folder, n, stage, real=False):
    "A stage of distributed_child.py in `n` processes, which `torchrun` itself starts if `real`"
    args = [sys.executable,root/'tests/distributed_child.py',folder,'8',stage]
    if real: return subprocess.run([*torchrun,str(n),*args[1:]], cwd=folder, env=env, capture_output=True, text=True, timeout=240)
    return as_torchrun(n, args, folder) if n>1 else warm.run(args, cwd=folder, env=env, capture_output=True, text=True, timeout=240)

def facts(folder, what, n): return [json.loads((folder/f'{r}-{what}.json').read_text()) for r in range(n)]
def weights(folder, what, n): return [load_file(folder/f'{r}-{what}.safetensors') for r in range(n)]

@pytest.fixture(scope='module')
def one(tmp_path_factory):
    "What one process with all eight rows has learnt"
    d = tmp_path_factory.mktemp('one')
    r = start(d, 1, 'one')
    assert r.returncode==0, r.stderr
    return weights(d, 'steps', 1)[0],facts(d, 'steps', 1)[0]

@pytest.mark.parametrize('n', [2,4])
def test_processes(tmp_path, one, n):
    r = start(tmp_path, n, 'first', real=n==2)
    assert r.returncode and (tmp_path/f'{n-1}-stopped.json').exists(), r.stderr                   # killed, and not before it was to be
    # as one process: each tensor, and a sample taken through the wrapper
    for w in weights(tmp_path, 'steps', n):
        for k,o in one[0].items(): assert torch.allclose(o, w[k], rtol=0, atol=1e-5), (k, (o-w[k]).abs().max())
    assert [o['inside'] for o in facts(tmp_path, 'steps', n)]==[one[1]['inside']]*n
    assert [o['rows'] for o in facts(tmp_path, 'steps', n)]==[8//n]*n                             # the loaders are whole again
    # so many minutes are the same number of steps in all, with the same weights
    assert len({o['steps'] for o in facts(tmp_path, 'minutes', n)})==1
    first,*others = weights(tmp_path, 'minutes', n)
    for w in others:
        for k,o in first.items(): assert torch.equal(o, w[k]), k
    # a signal to the last one stops all after the same step
    said = [o['said'] for o in facts(tmp_path, 'stopped', n)]
    assert len(set(said))==1 and 'Stopped at step' in said[0] and 'of 150' in said[0]
    # stopped, resumed, killed and resumed: every process ends as if nothing had been
    _,tree = newest_checkpoint(tmp_path/'run')
    shutil.copytree(tmp_path/'run', tmp_path/'dealt')
    at = int(said[0].split()[3].rstrip(' of'))
    assert at<tree['step']<=at+18 and len(tree['ranks'])==n-1
    r = start(tmp_path, n, 'again', real=n==2)
    assert r.returncode==0, r.stderr
    assert r.stdout.count('Resuming')==1                                                          # the first one tells
    assert facts(tmp_path, 'left', n)==[dict(inside=False)]*n                                     # no thread of the group outlives Python
    whole,again = (facts(tmp_path, o, n) for o in ('whole','again'))
    assert whole==again
    assert len({o['random'] for o in whole})==n                                                   # and each had random numbers of its own
    if n==2: another_number(tmp_path, tree)

def test_counts_beside_the_cell(tmp_path):
    "The tables are no parameters, and the share of the cell is learnt by none: 2 processes have them as one has. The doctor speaks in the first alone"
    alone = tmp_path/'alone'
    alone.mkdir()
    r = start(alone, 1, 'counted-one')
    assert r.returncode==0, r.stderr
    r = start(tmp_path, 2, 'counted')
    assert r.returncode and (tmp_path/'1-whole.json').exists(), r.stderr                          # killed, and not before it was to be
    assert facts(tmp_path, 'held', 2)==facts(alone, 'held', 1)*2                                   # of all eight rows, in each
    one,two = weights(alone, 'counted', 1)[0],weights(tmp_path, 'counted', 2)
    assert {'weight','cell.emb.weight'}<=set(one)
    for w in two:
        for k,o in one.items(): assert torch.allclose(o, w[k], rtol=0, atol=1e-5), k
    told = facts(tmp_path, 'counted', 2)
    for o in told: assert o['nats']==pytest.approx(facts(alone, 'counted', 1)[0]['nats'], abs=1e-5)
    assert [o['looked'] for o in told]==[60,0] and not any(o['found']+o['failed'] for o in told)
    assert told[0]['sick'][0]=='lr_high' and not told[1]['sick'] and r.stdout.count('] lr_high:')==1
    r = start(tmp_path, 2, 'counted-again')
    assert r.returncode==0, r.stderr
    assert 'Resuming' in r.stdout and facts(tmp_path, 'whole', 2)==facts(tmp_path, 'again', 2)

def another_number(folder, tree):
    "One process is told that the run is of two, and what to do; with `force='layout'` it goes on with weights and steps, and all the rows"
    r = start(folder, 1, 'again')
    assert r.returncode and 'layout world 2 in the run and 1 here' in r.stderr, r.stderr
    r = start(folder, 1, 'dealt')
    assert r.returncode==0, r.stderr
    assert facts(folder, 'begins', 1)==[dict(step=tree['step'], pos=0, rows=8)]
    for k,o in weights(folder, 'dealt', 1)[0].items(): assert torch.equal(o, tree['model'][k]), k
    assert facts(folder, 'dealt', 1)[0]['step']==150

def test_the_command(tmp_path):
    "`charrnn train` under `torchrun` as it is"
    (tmp_path/'shells.txt').write_text('she sells sea shells by the sea shore.\n'*60)
    args = 'shells.txt --run run --epochs 2 --bs 4 --seq-len 16 --n-hid 16 --every 10 --precision fp32 --json'.split()
    r = subprocess.run([*torchrun,'2','--',str(Path(sys.executable).parent/'charrnn'),'train',*args], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=240)
    assert r.returncode==0, r.stderr
    res = json.loads(r.stdout)                                                                    # one line, of the first process
    assert res['processes']==2 and res['valid_nats']<2.5 and (tmp_path/'run/model.safetensors').exists()

def test_the_command_ends_where_weights_are_nan(tmp_path):
    "All processes after the same step: one that went on alone would wait for the others for ever"
    (tmp_path/'shells.txt').write_text('she sells sea shells by the sea shore.\n'*60)
    args = 'shells.txt --run run --epochs 40 --lr 50 --bs 4 --seq-len 16 --n-hid 16 --precision fp32 --json'.split()
    r = subprocess.run([*torchrun,'2','--',str(Path(sys.executable).parent/'charrnn'),'train',*args], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=240)
    res = json.loads(r.stdout)
    assert r.returncode and res['diverged'] and res['processes']==2 and res['steps']<200 and 'NaN or infinite: training ended' in r.stderr, r.stderr
