"""fit_minutes against the clock: on a quiet machine, and with a second process that computes in the middle third.

python bench/fit_minutes.py --minutes 2 0.5
Goals: within 3 % of the budget on a quiet machine, within 10 % on a disturbed one. Prints one line a run, and a table for the docs at the end."""
import argparse, os, platform, subprocess, sys, threading, time
import torch
from fastai.basics import set_seed
from charrnn_fa import CharDataLoaders, char_learner

busy = 'import torch,time\nt = time.time()+{secs}\nx = torch.randn(600,600)\nwhile time.time()<t: x = (x@x).tanh()'

def disturb(minutes):
    "Half of the machine for the middle third: one process with half of the cores"
    secs,half = 20*minutes,max(1, (os.cpu_count() or 2)//2)
    time.sleep(secs)
    subprocess.run([sys.executable,'-c',busy.format(secs=secs)], env=dict(os.environ, OMP_NUM_THREADS=str(half)))

def timed(corpus, minutes, noisy):
    "Seconds that a fit takes, steps, and passes over the text"
    set_seed(0)
    dls = CharDataLoaders.from_corpus(corpus)
    learn = char_learner(dls, 'lstm')
    th = threading.Thread(target=disturb, args=(minutes,)) if noisy else None
    t = time.perf_counter()
    if th: th.start()
    with learn.no_bar(), learn.no_logging(): learn.fit_minutes(minutes)
    secs = time.perf_counter()-t
    if th: th.join()
    return secs,learn.train_iter,len(learn.recorder.values),learn.recorder.lrs[-1]/max(learn.recorder.lrs)

def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument('--corpus', default='shakespeare')
    p.add_argument('--minutes', type=float, nargs='+', default=[2.])
    a,rows = p.parse_args(),[]
    for m in a.minutes:
        for noisy,goal in ((False,3),(True,10)):
            secs,steps,passes,low = timed(a.corpus, m, noisy)
            off = 100*(secs/(60*m)-1)
            rows.append(f'| {m:g} | {"disturbed" if noisy else "quiet"} | {secs:.1f} s | {off:+.1f} % | {goal} % | {"yes" if abs(off)<=goal else "**no**"} | {steps:,} | {passes} | {low:.4f} |')
            print(rows[-1], flush=True)
    print(f'\n{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}, {torch.get_num_threads()} threads\n')
    print('| minutes | machine | took | off | goal | met | steps | validation passes | last learning rate / highest |', '|---|---|---|---|---|---|---|---|---|', *rows, sep='\n')

if __name__=='__main__': main()
