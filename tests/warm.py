"""Python processes that start in a tenth of a second, with the interface of `subprocess`: each is forked from a warm one, which has imported the
library and trained nothing. What kills one kills a real process. Not for what a test says of imports: those are done."""
import fcntl, gc, importlib, io, json, os, runpy, select, signal, socket, struct, subprocess, sys, termios
from functools import cache
from subprocess import PIPE

# The server: forks a process for each request, and one more that waits for it

def serve(sock):
    "Answer requests until nobody is there to make them; returns, in a new process, what it is to be"
    for o in ('torch._dynamo','fastai.callback.all','charrnn_fa.everything','charrnn_fa.cli'): importlib.import_module(o)
    gc.freeze()                                                         # what is there is no garbage in any of them
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)                       # so that the system clears away who waits
    while True:
        data,fds,*_ = socket.recv_fds(sock, 2**20, 4)
        if not data: os._exit(0)
        if os.fork()==0: return json.loads(data),fds,sock
        for o in fds: os.close(o)

def wait_for_child(fds, sock):
    "Fork once more; in the parent, tell the number of the child and how it ended. Returns in the child alone"
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    sock.close()
    *std,told = fds
    pid = os.fork()
    if pid==0:
        os.close(told)
        return std
    for o in std: os.close(o)
    for o in (0,1,2): os.close(o)
    os.write(told, struct.pack('i', pid))
    os.write(told, struct.pack('i', os.waitpid(pid, 0)[1]))
    os._exit(0)

def become(how, std):
    "Be the process that was asked for, as far as a program can tell: streams, folder, environment, signals, arguments"
    if how['terminal']: os.setsid()
    for i,o in enumerate(std):
        os.dup2(o, i)
        os.close(o)
    if how['terminal']: fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    os.chdir(how['cwd'])
    os.environ.clear()
    os.environ.update(how['env'])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    enc,_,errors = os.environ.get('PYTHONIOENCODING', 'utf-8').partition(':')
    loud = 'PYTHONUNBUFFERED' in os.environ
    for i,nm in enumerate(('stdin','stdout','stderr')):
        text = dict(errors='backslashreplace', line_buffering=True) if i==2 else dict(errors=errors or 'strict', line_buffering=os.isatty(i), write_through=loud)
        setattr(sys, nm, io.TextIOWrapper(open(i, 'wb' if i else 'rb', 0 if i and loud else -1, closefd=False), enc, **text))
    for o in reversed(list(filter(None, os.environ.get('PYTHONPATH', '').split(os.pathsep)))): sys.path.insert(0, o)
    what,*args = how['args']
    if what=='-c':
        sys.argv = ['-c',*args[1:]]
        sys.path.insert(0, '')
        exec(compile(args[0], '<string>', 'exec'), {'__name__':'__main__', '__builtins__':__builtins__})
    else:
        sys.argv = [what,*args]
        sys.path.insert(0, os.path.dirname(os.path.abspath(what)))
        runpy.run_path(what, run_name='__main__')

# The client

@cache
def server():
    "A socket to the warm process, which ends with this one, and the process"
    ours,theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    env = dict(os.environ, OMP_NUM_THREADS='1', MKL_NUM_THREADS='1')       # with threads of its own it could not be forked
    process = subprocess.Popen([sys.executable,os.path.abspath(__file__),str(theirs.fileno())], pass_fds=[theirs.fileno()], env=env, stdin=subprocess.DEVNULL)
    theirs.close()
    return ours,process

class Popen(subprocess.Popen):
    "`subprocess.Popen([sys.executable, '-c', code or a file, ...])`, forked from the warm process; with `terminal`, its streams are its terminal"
    def __init__(self, args, terminal=False, **kwargs):
        assert args[0]==sys.executable and not str(args[1]).startswith('-m') and not {'preexec_fn','shell','start_new_session'}&set(kwargs)
        self.terminal = terminal
        super().__init__(args, **kwargs)

    def _execute_child(self, args, executable, preexec_fn, close_fds, pass_fds, cwd, env, startupinfo, creationflags, shell,
        p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite, *rest):
        std = [o if o>=0 else i for i,o in enumerate((p2cread,c2pwrite,errwrite))]
        how = dict(args=list(map(str, args[1:])), cwd=os.path.abspath(cwd or '.'), env=dict(os.environ if env is None else env), terminal=self.terminal)
        self.told,tell = os.pipe()
        try: socket.send_fds(server()[0], [json.dumps(how).encode()], [*std,tell])
        finally:
            os.close(tell)
            self._close_pipe_fds(p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite)
        self._child_created = True
        self.pid = struct.unpack('i', self._read())[0]

    def _read(self):
        res = os.read(self.told, 4)
        if len(res)<4: raise RuntimeError('the warm process is gone')
        return res

    def _try_wait(self, flags):
        if flags&os.WNOHANG and not select.select([self.told], [], [], 0)[0]: return 0,0
        st = struct.unpack('i', self._read())[0]
        os.close(self.told)
        return self.pid,st

    def _internal_poll(self, **kwargs):
        if self.returncode is None:
            pid,st = self._try_wait(os.WNOHANG)
            if pid: self._handle_exitstatus(st)
        return self.returncode

def run(args, capture_output=False, timeout=None, input=None, **kwargs):
    "`subprocess.run` of a `Popen`, without `check`"
    if capture_output: kwargs.update(stdout=PIPE, stderr=PIPE)
    if input is not None: kwargs.update(stdin=PIPE)
    with Popen(args, **kwargs) as p:
        try: out,err = p.communicate(input, timeout=timeout)
        except BaseException:
            p.kill()
            raise
    return subprocess.CompletedProcess(args, p.returncode, out, err)

if __name__=='__main__':
    how,fds,sock = serve(socket.socket(fileno=int(sys.argv[1])))
    become(how, wait_for_child(fds, sock))
