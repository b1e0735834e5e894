"The charrnn command as a process: pipes, Ctrl-C, mistakes, and the main job on the real text"
import json,signal,subprocess,sys,time
import pytest
from charrnn_fa import load_run

code = 'import sys; from charrnn_fa.cli import main; sys.exit(main())'

def charrnn(*args, **kw):
    return subprocess.run([sys.executable,'-c',code,*map(str,args)], capture_output=True, text=True, timeout=300, **kw)

@pytest.fixture(scope='module')
def shells(tmp_path_factory):
    f = tmp_path_factory.mktemp('text')/'shells.txt'
    f.write_text('she sells sea shells by the sea shore.\n'*2000)
    return f

small = ['--n-hid',32,'--bs',8,'--precision','fp32']

def test_train_sample_evaluate(shells, tmp_path):
    r = charrnn('train', shells, '--run', tmp_path/'r', '--epochs', 0.3, '--json', *small)
    assert r.returncode==0, r.stderr
    res = json.loads(r.stdout.splitlines()[-1])
    assert {'valid_nats','valid_bpc','split','chars_per_second','train_seconds','n_params','steps'}<=set(res) and res['valid_nats']<1.5
    assert '\r' not in r.stderr+r.stdout and '\x1b' not in r.stderr+r.stdout
    ev = charrnn('evaluate', tmp_path/'r', '--json')
    assert json.loads(ev.stdout)['valid_nats']==res['valid_nats']
    a,b = (charrnn('sample', tmp_path/'r', '--prompt', 'she', '-n', 60, '--seed', 3).stdout for _ in range(2))
    assert a==b and a.startswith('she') and len(a)>=63

def stopped(sig, run, *args):
    "Send a signal once there is a checkpoint of a later step than the first; the process and what it printed"
    p = subprocess.Popen([sys.executable,'-c',code,'train',*map(str,args),'--run',str(run)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    while len(list(run.glob('ck*')))<2: time.sleep(.05)
    p.send_signal(sig)
    return p,*p.communicate(timeout=120)

def test_ctrl_c_leaves_a_usable_run(shells, tmp_path):
    p,out,err = stopped(signal.SIGINT, tmp_path/'r', shells, '--minutes', 5, '--every', 20, '--json', *small)
    res = json.loads(out.splitlines()[-1])
    assert p.returncode==0 and res['stopped']=='SIGINT' and res['steps']>0 and res['valid_nats']<3, err
    assert charrnn('sample', tmp_path/'r', '-n', 20, '--prompt', 'she').returncode==0
    assert f"{res['steps']:,}" in charrnn('runs', tmp_path/'r').stdout

@pytest.mark.parametrize('sig,rc', [(signal.SIGTERM,143), (signal.SIGKILL,-9)])
def test_the_same_command_goes_on(sig, rc, shells, tmp_path):
    "After a SIGTERM or a SIGKILL the run ends with the figures of one that was never stopped"
    args = [shells,'--n-hid',96,'--bs',4,'--precision','fp32','--dropout',.1,'--epochs',3,'--every',20,'--json']
    p,out,err = stopped(sig, tmp_path/'a', *args)
    assert p.returncode==rc, err
    a,b = (json.loads(charrnn('train', *args, '--run', tmp_path/o).stdout.splitlines()[-1]) for o in 'ab')
    assert a['resumed_at']>0==b['resumed_at'] and a['valid_nats']==b['valid_nats'] and a['steps']==b['steps']

def test_runs(shells, tmp_path):
    assert charrnn('train', shells, '--run', tmp_path/'r', '--epochs', 0.3, '--every', 10, *small).returncode==0
    last = sorted((tmp_path/'r').glob('ck*'))[-1]
    last.write_bytes(last.read_bytes()[:-1])
    r = charrnn('runs', tmp_path/'r')
    assert r.stdout.count('ck-')>=3 and r.stdout.count('DAMAGED')==1
    assert [o['sound'] for o in json.loads(charrnn('runs', tmp_path/'r', '--json').stdout.splitlines()[-1])].count(False)==1

@pytest.mark.parametrize('args', [['sample','nowhere'], ['evaluate','nowhere'], ['train','no/such/file.txt','--run','r'], ['train','python','--run','r','--bs','0'], ['train'], ['fly']])
def test_mistakes(args, tmp_path):
    r = charrnn(*args, cwd=tmp_path)
    assert r.returncode==2 and 'Traceback' not in r.stderr
    if len(args)>1: assert len(r.stderr.strip().splitlines())==1, r.stderr

def test_doctor(shells, tmp_path):
    "A run with a learning rate far too low is told so"
    assert charrnn('train', shells, '--run', tmp_path/'r', '--epochs', 0.5, '--lr', 1e-6, *small).returncode==0
    r = charrnn('doctor', tmp_path/'r', '--json')
    res = json.loads(r.stdout.splitlines()[-1])
    assert 'lr_low' in [o['name'] for o in res['findings']] and res['yardsticks']['ngram']<res['yardsticks']['unigram'], r.stderr
    assert 'letter' in charrnn('doctor', tmp_path/'r').stdout

def test_nothing_is_lost(shells, tmp_path):
    "A finished run is left as it is; other settings are refused; --force moves it out of the way"
    for more,rc in ([],0),([],0),(['--lr',.1],2),(['--force'],0): assert charrnn('train', shells, '--run', tmp_path/'r', '--epochs', 0.05, *small, *more).returncode==rc
    assert sorted(o.name for o in (tmp_path/'r').iterdir() if o.name[:2]!='ck')==['model.safetensors','older.1']
    assert (tmp_path/'r/older.1/model.safetensors').exists()

def test_help(): assert all(o in charrnn('train','--help').stdout for o in ('--minutes','--split','default'))

def test_shakespeare(shakespeare, tmp_path):
    "One pass over the real text beats every n-gram of it up to three letters, and whatever the seed, a sample begins well from nothing"
    r = charrnn('train', 'shakespeare', '--run', tmp_path/'r', '--epochs', 1, '--n-hid', 128, '--seed', 0, '--json')
    res = json.loads(r.stdout.splitlines()[-1])
    assert res['valid_nats']<2.05 and res['split']=='nanogpt'
    assert all(load_run(tmp_path/'r').sample('ROMEO:', 300, temperature=0.8, seed=s).count(' ')>20 for s in range(12))
