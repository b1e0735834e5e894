"A process forked from a warm one is, as far as a program can tell, one that was started"
import os, signal, subprocess, sys, time
import pytest, warm

programs = dict(arguments='import sys; print(sys.argv, __name__)', status='import sys; sys.exit(3)', words='import sys; sys.exit("what went wrong")', fault='print(1); 1/0',
    folder='import os,sys; print(os.getcwd(), sys.path[0])', environment='import os; print(sorted(o for o in os.environ if o!="LC_CTYPE"))',
    streams='import sys; print(sys.stdin.read().upper()); print("é…", file=sys.stderr); print(sys.stdout.encoding, sys.stdout.isatty())',
    the_end='import atexit,threading,time; atexit.register(print, "last"); threading.Thread(target=lambda: (time.sleep(.2),print("thread"))).start()',
    signals='import os,signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler); os.kill(os.getpid(), signal.SIGTERM)')

def frames(err): return [o for o in err.splitlines() if not o.startswith(('  File','    '))]     # a traceback begins elsewhere

@pytest.mark.parametrize('nm', programs)
def test_as_one_that_was_started(nm, tmp_path):
    how = dict(cwd=tmp_path, env=dict(PATH=os.environ['PATH'], MINE='1', PYTHONIOENCODING='utf-8'), input='é in', capture_output=True, text=True, timeout=60)
    a,b = (f([sys.executable,'-c',programs[nm],'x','ö'], **how) for f in (warm.run,subprocess.run))
    assert (a.returncode,a.stdout,frames(a.stderr))==(b.returncode,b.stdout,frames(b.stderr))

def test_a_file(tmp_path):
    (tmp_path/'a.py').write_text('import sys,b; print(sys.argv[1:], __name__, b.x)')
    (tmp_path/'b.py').write_text('x = 7')
    a,b = (f([sys.executable,tmp_path/'a.py','y'], capture_output=True, text=True, timeout=60) for f in (warm.run,subprocess.run))
    assert a.stdout==b.stdout=="['y'] __main__ 7\n" and a.returncode==b.returncode==0

@pytest.mark.parametrize('sig', [signal.SIGINT,signal.SIGTERM,signal.SIGKILL])
def test_ended_from_outside(sig):
    naps = 'import time\nprint(1, flush=True)\nfor _ in range(600): time.sleep(.1)'         # a signal just before a nap is heard after it
    p = warm.Popen([sys.executable,'-c',naps], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert p.stdout.readline()=='1\n' and p.poll() is None
    p.send_signal(sig)
    assert p.wait(20)==-sig and not os.path.exists(f'/proc/{p.pid}')

def test_nobody_waits_for_ever():
    start = time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired): warm.run([sys.executable,'-c','import time; time.sleep(60)'], timeout=1)
    assert time.monotonic()-start<30
