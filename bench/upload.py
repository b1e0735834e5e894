"A checkpoint of `mb` megabytes to a Drive on loopback: seconds and peak memory of DriveStore.put, beside PyDrive2's Upload; best of `n` processes each, in turn"
import json, os, subprocess, sys
from pathlib import Path

root = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(root), str(root/'tests')]

def pydrive2(base, data):
    "What one writes with PyDrive2 alone"
    import io
    from googleapiclient.discovery import build_from_document
    from googleapiclient.discovery_cache import get_static_doc
    from oauth2client.client import OAuth2Credentials
    from pydrive2.auth import GoogleAuth
    from pydrive2.drive import GoogleDrive
    client = dict(client_id='id', client_secret='secret', auth_uri='unused', token_uri=f'{base}/token', revoke_uri=None, redirect_uri='')
    auth = GoogleAuth(http_timeout=60, settings=dict(client_config_backend='settings', client_config=client, save_credentials=False, oauth_scope=['x']))
    auth.credentials = OAuth2Credentials(None, 'id', 'secret', 'rt', None, f'{base}/token', 'bench')
    auth.service = build_from_document(dict(json.loads(get_static_doc('drive','v2')), rootUrl=f'{base}/'), http=auth.Get_Http_Object())
    f = GoogleDrive(auth).CreateFile(dict(title='ck', mimeType='application/octet-stream'))
    f.content = io.BytesIO(data)
    return f.Upload

def ours(base, data):
    "The store, which also asks for an id, looks for free space, and compares the MD5"
    from charrnn_fa.gdrive.store import DriveStore
    from charrnn_fa.gdrive.signin import DriveToken
    store = DriveStore('charrnn/bench', token=DriveToken('id','secret','rt'), root=base, token_uri=f'{base}/token')
    store.list()
    return lambda: store.put('ck', data)

def child(kind, base, mb):
    "One upload: seconds, and by how much the peak of this process's memory rose"
    import resource
    from time import perf_counter
    data = os.urandom(mb*2**20)
    f = dict(pydrive2=pydrive2, ours=ours)[kind](base, data)
    rss = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/2**10
    before,t = rss(),perf_counter()
    f()
    print(json.dumps([perf_counter()-t, rss()-before]))

def serve_alone():
    "The server in a process of its own; prints its address and stays until its input ends"
    from fakedrive import serve
    s = serve()
    s.drive.grant('rt')
    print(s.base, flush=True)
    sys.stdin.read()

def main(n=3, mb=50):
    me = [sys.executable, __file__]
    res = {}
    for kind in ['pydrive2','ours']*n:
        srv = subprocess.Popen([*me, 'serve'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        out = subprocess.run([*me, kind, srv.stdout.readline().strip(), str(mb)], check=True, capture_output=True, text=True).stdout
        srv.communicate()
        res.setdefault(kind, []).append(json.loads(out.splitlines()[-1]))
    best = {k:[min(o) for o in zip(*v)] for k,v in res.items()}
    for k,(secs,mem) in best.items(): print(f'{k:9} {secs:.2f} s, {mem:.0f} MiB on top of the {mb} MiB that are sent')

if __name__=='__main__':
    a = sys.argv[1:]
    if a[:1]==['serve']: serve_alone()
    elif a[:1] in (['ours'],['pydrive2']): child(a[0], a[1], int(a[2]))
    else: main(*map(int, a))
