"Two hundred random histories of two and three processes on one run, and whether they would find a fault"
import json,os,sys
import warm
from conftest import root
from histories import events

def run(*args):
    "The histories in a process of their own, which is warm and has no threads, so that it can fork"
    env = dict(os.environ, OMP_NUM_THREADS='1', MKL_NUM_THREADS='1')
    p = warm.run([sys.executable, root/'tests/histories.py', *map(str, args)], capture_output=True, text=True, env=env, timeout=1500)
    assert p.returncode==0, p.stderr[-3000:]
    return json.loads(p.stdout.splitlines()[-1]),p.stderr

def test_histories():
    "Started, killed, standing still and coming back, forced, started over, several at once, renamed, on full disks, with other clocks, with the text edited"
    res,said = run(0, os.environ.get('CHARRNN_HISTORIES', 200))
    assert not res['failed'], said[-8000:]
    assert {*events,'killed','stopped','clock','ended 0','ended 3','ended 4','ended 5'}<=set(res['did']), res['did']

def test_faults_are_found():
    "Where everything but the oldest checkpoint is pruned, an old one is not resumed, all files move, half files appear or any text is scored, some history fails"
    some = 'prune','start_over','move_all','in_place','other_text'    # the others in `histories.faults` take dozens of histories each
    found = run(0, 0, *some)[0]['found']
    assert all(found[o] for o in some), found
