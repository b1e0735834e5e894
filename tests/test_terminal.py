"A terminal of 100 columns and 30 lines: train, Ctrl-C, train, sample, doctor, and what stands on its screen"
import fcntl, os, pty, re, select, struct, sys, termios, time
import pytest, warm

code = 'import sys; from charrnn_fa.cli import main; sys.exit(main())'

class Screen:
    "As much of a terminal as progress bars need: what is printed, carriage returns, and the end of each line"
    def __init__(self, cols=100): self.cols,self.lines,self.x = cols,[''],0
    def feed(self, s):
        for part in re.split(r'(\r|\n|\x1b\[[0-9;?]*[A-Za-z])', s):
            if part=='\x1b[K': self.lines[-1] = self.lines[-1][:self.x]
            if part=='\n': self.lines,self.x = [*self.lines,''],0
            elif part=='\r': self.x = 0
            elif part and not part.startswith('\x1b'):
                line = self.lines[-1].ljust(self.x)
                self.lines[-1],self.x = line[:self.x]+part+line[self.x+len(part):],self.x+len(part)
    def text(self): return '\n'.join(o.rstrip() for o in self.lines)

class Terminal:
    "The command in a pseudo-terminal"
    def __init__(self, *args, cwd=None):
        self.screen,(self.fd,tty) = Screen(),pty.openpty()
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack('HHHH', 30, 100, 0, 0))
        env = dict(os.environ, TERM='xterm', COLUMNS='100', LINES='30')
        self.process = warm.Popen([sys.executable,'-c',code,*args], terminal=True, cwd=cwd, env=env, stdin=tty, stdout=tty, stderr=tty)
        os.close(tty)

    def read(self, until=None, secs=120):
        "Read until the process ends, or `until()` holds"
        end = time.monotonic()+secs
        while time.monotonic()<end and not (until and until()):
            if not select.select([self.fd], [], [], 0.1)[0]: continue
            try: b = os.read(self.fd, 65536)
            except OSError: b = b''
            if not b: return self
            self.screen.feed(b.decode('utf-8','replace'))
        assert until, f'not over after {secs} s: {self.screen.text()}'
        return self

    def status(self): return self.process.wait(60)

@pytest.fixture(scope='module')
def place(tmp_path_factory):
    d = tmp_path_factory.mktemp('terminal')
    (d/'shells.txt').write_text('she sells sea shells by the sea shore.\n'*1500)
    return d

def run(place, *args):
    t = Terminal(*args, cwd=place).read()
    return t.status(),t.screen.text()

def test_the_whole_way(place):
    "Ctrl-C in the middle of a fit, the same again, and what can be done with the run"
    args = 'train','shells.txt','--run','demo','--epochs',4,'--every',20,'--n-hid',48,'--bs',4,'--precision','fp32'
    t = Terminal(*args, cwd=place)
    t.read(until=lambda: len(list((place/'demo').glob('ck*')))>=2)
    os.write(t.fd, b'\x03')                                            # Ctrl-C, which the terminal shows as ^C
    t.read()
    assert t.status()==130
    stopped = t.screen.text()
    assert 'Traceback' not in stopped, stopped
    last = re.search(r'^Stopped at step ([\d,]+ of [\d,]+); the same command again resumes\nThe model so far: charrnn sample demo\n*$', stopped, re.M)
    assert last, stopped
    rc,again = run(place, *args)
    print(stopped, again, sep='\n=====\n')
    assert rc==0 and f'Resuming demo at step {last[1]}' in again, again
    assert 'validation loss' in again and again.rstrip().endswith('Saved in demo. Try: charrnn sample demo')
    rows = [o for o in again.splitlines() if re.match(r'\d+ +\d\.\d{6}', o)]
    assert len(rows)==4 and [int(o.split()[0]) for o in rows]==[0,1,2,3], again
    narrow(stopped+again)
    rc,text = run(place, 'sample', 'demo', '--prompt', 'she', '-n', 60, '--seed', 1)
    assert rc==0 and text.startswith('she') and len(text)>=60
    rc,found = run(place, 'doctor', 'demo')
    print(text, found, sep='\n=====\n')
    assert rc==0 and 'validation loss' in found and 'Traceback' not in found
    narrow(found)
    rc,listed = run(place, 'runs', 'demo')
    assert rc==0 and 'best' in listed, listed
    narrow(listed)
    rc,other = run(place, *args, '--lr', 0.001)
    assert rc==2 and '--force' in other and len(other.splitlines())>1, other
    narrow(other)
    rc,done = run(place, *args)
    assert rc==0 and 'nothing was trained' in ' '.join(done.split()), done
    narrow(done)

def narrow(text):
    "No line is wider than the terminal, and none ends within a word"
    wide = [o for o in text.splitlines() if len(o)>100]
    assert not wide, wide
