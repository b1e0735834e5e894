"A training whose checkpoints go to Drive is killed again and again in bad weather, and ends with the same bits as one that was never touched"
import json, os, random, subprocess, sys, time
import charrnn_fa, pytest, warm
from charrnn_fa.gdrive.signin import DriveToken
from conftest import root
from fakedrive import serve
from test_drive import Storm

pytestmark = pytest.mark.skipif(not hasattr(charrnn_fa,'Resume'), reason='needs Resume')
child = root/'tests/drive_child.py'

def start(srv, near, out, kind):
    token = DriveToken('the-id','the-secret','the-refresh-token').dumps()
    env = dict(os.environ, OMP_NUM_THREADS='1', PYTHONUNBUFFERED='1', GDRIVE_TOKEN=token)
    args = [sys.executable, child, srv.base if srv else '-', near, out, kind]
    return warm.Popen([str(o) for o in args], env=env, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

def finished(p):
    "Wait for the end, which has to be a good one"
    log = p.stdout.read()
    p.wait(300)
    assert p.returncode in (0,-9), log
    return log

def steps_kept(srv): return sorted(o for o in srv.drive.named() if o.startswith('ck-'))

@pytest.mark.parametrize('kind', ['counted','own'])
def test_killed_in_a_storm(kind, tmp_path, n=3):
    srv,rng,out = serve(),random.Random(5),tmp_path/'out.json'
    srv.drive.grant('the-refresh-token')
    srv.drive.storm = Storm(srv.drive, 5, 0.1)
    finished(start(None, tmp_path/'-', tmp_path/'whole.json', kind))
    newest,kills,logs = '',0,[]
    for _ in range(n+1):                                                      # each run but the last is killed, or comes to the end
        if out.exists(): break
        p = start(srv, tmp_path/'near', out, kind)
        if kills<n:
            for line in p.stdout:
                logs.append(line)
                if line.startswith(('Checkpoints go to','Resuming')): break
            time.sleep(rng.uniform(0.2, 1.2))
            p.kill()
        logs.append(finished(p))
        kills += p.returncode==-9
        kept = steps_kept(srv)
        assert not newest or kept and kept[-1]>=newest # What was safe stays safe
        newest = kept[-1] if kept else newest
    srv.shutdown()
    assert kills>=min(n,3) and sum('Resuming' in o for o in logs)>=2, logs
    assert not srv.drive.bad and json.loads(out.read_text())==json.loads((tmp_path/'whole.json').read_text())
