"A Google Drive on loopback: API v2 and OAuth as far as PyDrive2 speaks them, requests checked against Google's own description, faults to order"
import hashlib, json, re, secrets, socket, struct, threading, time
from dataclasses import dataclass
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

FOLDER  = 'application/vnd.google-apps.folder'
SCOPE   = 'https://www.googleapis.com/auth/drive.file'
GRANULE = 256*1024 # What a resumable upload is kept in
PLAIN   = '<html><title>502</title><p>The server encountered a temporary error</html>'

def error(code, reason, msg=None):
    "An answer in the form of Drive's errors"
    one = dict(domain='global', reason=reason, message=msg or reason)
    return code, {'error':dict(code=code, message=msg or reason, errors=[one])}

@dataclass
class Fault:
    "What goes wrong, with which requests, how often: `status` (code, body), `reset` after n bytes, `lost` answer, `delay` in seconds, `drip`, `garble`"
    what:str
    arg:object = None
    method:str = '.*'
    path:str = '.*'
    times:int = 1
    skip:int = 0

    def hits(self, method, path):
        if not self.times or not re.fullmatch(self.method, method) or not re.search(self.path, path): return False
        self.skip -= 1
        if self.skip>=0: return False
        self.times -= 1
        return True

class Spec:
    "Google's description of the API: which paths, parameters and fields there are"
    def __init__(self):
        from googleapiclient.discovery_cache import get_static_doc
        self.doc = json.loads(get_static_doc('drive','v2'))
        self.common,self.schemas = self.doc['parameters'],self.doc['schemas']
        self.words = {k for o in self.schemas.values() for k in o.get('properties',{})}|{'trashed'}
        self.methods = [(o,p) for o in self._methods(self.doc) for p in self._paths(o)]

    def _methods(self, d):
        yield from d.get('methods',{}).values()
        for o in d.get('resources',{}).values(): yield from self._methods(o)

    def _paths(self, o):
        media = [v['path'] for v in o.get('mediaUpload',{}).get('protocols',{}).values()]
        for p in ['/drive/v2/'+o['path'], *media]: yield re.compile(re.sub(r'\{\w+\}', r'([^/]+)', p))

    def check(self, verb, path, query, body):
        "What is wrong with a request, or None"
        m = next((o for o,p in self.methods if o['httpMethod']==verb and p.fullmatch(path)), None)
        if not m: return f'no method {verb} {path}'
        known = {**self.common, **m.get('parameters',{}), 'upload_id':{}}
        for k,v in query.items():
            if k not in known: return f'{m["id"]}: no parameter {k}'
            if not self._fits(known[k], v[0]): return f'{m["id"]}: {k}={v[0]}'
        odd = set(re.findall(r'\w+', query.get('fields',[''])[0]))-self.words
        if odd: return f'{m["id"]}: no fields {odd}'
        missing = [k for k,o in m.get('parameters',{}).items() if o.get('required') and o['location']=='query' and k not in query]
        if missing: return f'{m["id"]}: needs {missing}'
        return self._body(m, body) if body else None

    def _fits(self, o, v):
        if o.get('type')=='integer': return v.isdigit() and int(o.get('minimum',0))<=int(v)<=int(o.get('maximum',10**9))
        if o.get('type')=='boolean': return v in ('true','false')
        return 'enum' not in o or v in o['enum']

    def _body(self, m, body):
        ref = m.get('request',{}).get('$ref')
        return self._object(ref, body) if ref else f'{m["id"]}: takes no body'

    def _object(self, ref, o):
        props = self.schemas[ref]['properties']
        for k,v in o.items():
            if k not in props: return f'{ref} has no field {k}'
            item = props[k].get('items',{}).get('$ref')
            bad = [self._object(item, x) for x in v] if item else []
            if any(bad): return next(filter(None, bad))

class Query:
    "Drive's search language, as much of it as is needed: and, or, not, (), in parents, =, !=, contains"
    word = re.compile(r"\s*(\(|\)|'(?:\\.|[^'\\])*'|!=|=|[\w.]+)")

    def __init__(self, s):
        self.toks,i = [],0
        while s[i:].strip():
            m = self.word.match(s, i)
            if not m: raise ValueError(s[i:])
            self.toks.append(m[1])
            i = m.end()

    def pop(self, want=None):
        if not self.toks or want and self.toks[0]!=want: raise ValueError(f'{want} expected at {self.toks}')
        return self.toks.pop(0)

    def parse(self):
        res = self.any()
        if self.toks: raise ValueError(f'{self.toks} is left over')
        return res

    def _join(self, part, word, how):
        fs = [part()]
        while self.toks[:1]==[word]:
            self.pop()
            fs.append(part())
        return lambda f: how(o(f) for o in fs)

    def any(self): return self._join(self.all, 'or', any)
    def all(self): return self._join(self.one, 'and', all)
    def value(self, t): return re.sub(r'\\(.)', r'\1', t[1:-1]) if t[0]=="'" else {'true':True,'false':False}[t]

    def one(self):
        t = self.pop()
        if t=='not': return (lambda o: lambda f: not o(f))(self.one())
        if t=='(': return (self.any(), self.pop(')'))[0]
        if t[0]=="'": return self._parent(self.value(t))
        op,v = self.pop(),self.value(self.pop())
        get = (lambda f: f['labels']['trashed']) if t=='trashed' else lambda f: f[t].lower() if t=='title' else f[t]
        v = v.lower() if t=='title' else v
        return {'=':lambda f: get(f)==v, '!=':lambda f: get(f)!=v, 'contains':lambda f: get(f).startswith(v)}[op]

    def _parent(self, v):
        self.pop('in')
        self.pop('parents')
        return lambda f: v in [o['id'] for o in f['parents']]

class Drive:
    "One account: files, tokens, and what shall go wrong"
    def __init__(self, quota=15*2**30, ttl=3600, lag=0., storm=None):
        self.quota,self.ttl,self.lag,self.storm = quota,ttl,lag,storm
        self.lock,self.spec = threading.RLock(),Spec()
        self.files,self.blobs,self.sessions,self.access,self.refresh,self.devices = {},{},{},{},set(),{}
        self.born,self.died,self.faults,self.log,self.bad,self.issued,self.used_ids = {},{},[],[],[],[],set()
        self.allow_after = 1 # A device code is accepted at this poll
        self.files['root'] = dict(id='root', title='My Drive', mimeType=FOLDER, parents=[], labels=dict(trashed=False), createdDate=self.now())

    def now(self, t=None): return datetime.fromtimestamp(t or time.time(), timezone.utc).isoformat(timespec='milliseconds').replace('+00:00','Z')
    def used(self): return sum(map(len, self.blobs.values()))
    def count(self, method, path): return sum(m==method and bool(re.search(path, p)) for m,p in self.log)
    def titled(self, title): return [f for f in self.files.values() if f['title']==title]
    def named(self): return {f['title']:self.blobs[k] for k,f in self.files.items() if k in self.blobs}

    def grant(self, token=None):
        "A new refresh token, as after a person allowed it"
        t = token or f'rt-{secrets.token_hex(8)}'
        self.refresh.add(t)
        return t

    def expire(self): self.access.clear()
    def revoke(self):
        self.refresh.clear()
        self.access.clear()

    def issue(self):
        t = f'at-{secrets.token_hex(8)}'
        self.issued.append(t)
        self.access[t] = time.time()+self.ttl
        return dict(access_token=t, expires_in=self.ttl, token_type='Bearer')

    def fault(self, method, path):
        res = next((o for o in self.faults if o.hits(method, path)), None)
        return res or (self.storm(method, path) if self.storm else None)

    def insert(self, meta, blob=None):
        "A new file or folder, refused when its id was ever used"
        fid,parents = meta.get('id') or secrets.token_hex(14),[o['id'] for o in meta.get('parents') or [dict(id='root')]]
        if fid in self.used_ids: return error(409, 'alreadyExists', 'A file already exists with the provided ID.')
        for p in parents:
            if p not in self.files: return error(404, 'notFound', f'File not found: {p}')
        f = dict(kind='drive#file', id=fid, title=meta.get('title','Untitled'), mimeType=meta.get('mimeType','application/octet-stream'),
            parents=[dict(id=p, isRoot=p=='root') for p in parents], labels=dict(trashed=False), properties=meta.get('properties',[]),
            createdDate=self.now(), modifiedDate=self.now())
        bad = self.fill(f, blob) if f['mimeType']!=FOLDER else None
        if bad: return bad
        self.files[fid],self.born[fid] = f,time.time()
        self.used_ids.add(fid)
        return 200, f

    def fill(self, f, blob):
        "Put bytes into a file, or say that they do not fit"
        blob = bytes(blob or b'')
        if self.used()-len(self.blobs.get(f['id'],b''))+len(blob)>self.quota: return self.full()
        self.blobs[f['id']] = blob
        f.update(fileSize=str(len(blob)), md5Checksum=hashlib.md5(blob).hexdigest(), modifiedDate=self.now())

    def full(self): return error(403, 'quotaExceeded', 'The user has exceeded their Drive storage quota')

    def update(self, fid, meta, blob=None):
        f = self.files.get(fid)
        if not f: return error(404, 'notFound', f'File not found: {fid}')
        bad = self.fill(f, blob) if blob is not None else None
        if bad: return bad
        f.update({k:meta[k] for k in ('title','mimeType','properties') if k in meta})
        return 200, f

    def delete(self, fid):
        if fid not in self.files: return error(404, 'notFound', f'File not found: {fid}')
        self.died[fid] = time.time(),self.files.pop(fid)
        self.blobs.pop(fid, None)
        return 204, b''

    def search(self, q, n, page):
        "A page of the files that fit; what happened less than `lag` seconds ago is not known yet"
        try: fits = Query(q).parse() if q else lambda f: True
        except (ValueError,KeyError) as e: return error(400, 'invalid', f'Invalid query: {e}')
        old = time.time()-self.lag
        seen = [f for k,f in self.files.items() if k!='root' and self.born[k]<=old] + [f for t,f in self.died.values() if t>old and self.born[f['id']]<=old]
        fs,i = [f for f in seen if fits(f)],int(page or 0)
        return 200, dict(items=fs[i:i+n], **(dict(nextPageToken=str(i+n)) if i+n<len(fs) else {}))

class Handler(BaseHTTPRequestHandler):
    protocol_version,timeout,disable_nagle_algorithm = 'HTTP/1.1',30,True
    def log_message(self, *args): pass

    def handle(self):
        try: super().handle()
        except (ConnectionError,ValueError): self.close_connection = True # A client that hung up, or a socket that a fault has cut

    def cut(self):
        "Reset the connection"
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.close_connection = True
        self.connection.close()

    def end(self):
        "Close it in an orderly way, without an answer"
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def answer(self, code, body=b'', headers=None):
        f,kind = self.flaw,'application/octet-stream' if isinstance(body,bytes) else 'text/html'
        if f and f.what=='lost': return self.cut() if f.arg=='reset' else self.end()
        if isinstance(body,dict): body,kind = json.dumps(body),'application/json; charset=UTF-8'
        body = body.encode() if isinstance(body,str) else body
        if f and f.what=='garble' and self.media and body: body = bytes([body[0]^1])+body[1:]
        self.send_response(code)
        for k,v in {'Content-Type':kind, 'Content-Length':len(body), **(headers or {})}.items(): self.send_header(k, str(v))
        self.end_headers()
        if f and f.what=='drip': return self.drip(body, f.arg)
        self.wfile.write(body)

    def drip(self, body, secs):
        "A byte at a time, so that no read ever times out"
        for i in range(len(body)):
            self.wfile.write(body[i:i+1])
            time.sleep(secs)

    def go(self):
        u,d = urlsplit(self.path),self.server.drive
        self.verb,self.where,self.query,self.media = self.command,unquote(u.path),parse_qs(u.query),False
        with d.lock:
            d.log.append((self.verb, self.where))
            f = self.flaw = d.fault(self.verb, self.where)
        n = int(self.headers.get('Content-Length') or 0)
        body = self.rfile.read(min(n, f.arg) if f and f.what=='reset' else n)
        if f and f.what=='reset': return self.kept(body)
        if f and f.what=='delay': time.sleep(f.arg)
        if f and f.what=='status': return self.answer(*f.arg)
        if len(body)<n: return self.cut()
        if self.where in ('/token','/device/code'): return self.oauth({k:v[0] for k,v in parse_qs(body.decode()).items()})
        if d.access.get((self.headers.get('Authorization') or '')[7:], 0)<time.time(): return self.answer(*error(401, 'authError', 'Invalid Credentials'))
        self.drive(body)

    def kept(self, body):
        "Of an upload that was cut off, Drive keeps whole granules"
        s = self.server.drive.sessions.get(self.query.get('upload_id',[''])[0])
        m = re.match(r'bytes (\d+)-', self.headers.get('Content-Range') or '')
        if s and m and not s['done'] and int(m[1])<=len(s['buf']): s['buf'][int(m[1]):] = body[:len(body)//GRANULE*GRANULE]
        self.cut()

    def oauth(self, p):
        d = self.server.drive
        with d.lock:
            if self.where=='/device/code': return self.device(p)
            if 'device_code' in p: return self.poll(p)
            if p.get('refresh_token') in d.refresh: return self.answer(200, d.issue())
        self.answer(400, dict(error='invalid_grant', error_description='Token has been expired or revoked.'))

    def device(self, p):
        if p.get('scope')!=SCOPE: return self.answer(400, dict(error='invalid_scope'))
        code = secrets.token_hex(8)
        self.server.drive.devices[code] = 0
        self.answer(200, dict(device_code=code, user_code='ABCD-EFGH', verification_url=f'{self.server.base}/device', expires_in=1800, interval=0.05))

    def poll(self, p):
        d,code = self.server.drive,p['device_code']
        if p['grant_type']!='urn:ietf:params:oauth:grant-type:device_code' or code not in d.devices: return self.answer(400, dict(error='invalid_grant'))
        d.devices[code] += 1
        if d.allow_after is None: return self.answer(403, dict(error='access_denied'))
        if d.devices[code]<=d.allow_after: return self.answer(428, dict(error='authorization_pending'))
        self.answer(200, dict(d.issue(), refresh_token=d.grant(), scope=SCOPE))

    def drive(self, body):
        "A request to the API itself"
        d,upload = self.server.drive,'upload_id' in self.query
        js = json.loads(body) if body and not upload else {}
        bad = None if upload else d.spec.check(self.verb, self.where, self.query, js) # A session's address is the server's own
        with d.lock:
            if bad: d.bad.append(bad)
            out = error(400, 'badRequest', bad) if bad else self.session(body, js) if '/upload/' in self.where else self.files(js)
        self.answer(*out)

    def session(self, body, js):
        "Start a resumable upload, or take a part of one"
        d,sid = self.server.drive,self.query.get('upload_id',[None])[0]
        fid = self.where.split('/files')[1].strip('/') or None
        if sid is None:
            if js.get('id') in d.used_ids: return error(409, 'alreadyExists')
            if fid and fid not in d.files or any(o['id'] not in d.files for o in js.get('parents',[])): return error(404, 'notFound')
            if int(self.headers.get('X-Upload-Content-Length') or 0)+d.used()>d.quota: return d.full()
            sid = secrets.token_hex(12)
            d.sessions[sid] = dict(fid=fid, meta=js, buf=bytearray(), done=None)
            return 200, b'', dict(Location=f'{self.server.base}{self.where}?uploadType=resumable&upload_id={sid}')
        s = d.sessions.get(sid)
        if not s: return error(404, 'notFound')
        return s['done'] or self.part(s, body)

    def part(self, s, body):
        d,rng = self.server.drive,self.headers.get('Content-Range') or f'bytes 0-{len(body)-1}/{len(body)}'
        m = re.fullmatch(r'bytes (?:(\d+)-(-?\d+)|\*)/(\d+)', rng)
        if not m or m[1] and int(m[1])>len(s['buf']): return error(400, 'invalidRange', rng)
        if m[1]: s['buf'][int(m[1]):] = body
        if len(s['buf'])==int(m[3]):
            blob = bytes([s['buf'][0]^1])+bytes(s['buf'][1:]) if self.flaw and self.flaw.what=='garble' and s['buf'] else s['buf']
            s['done'] = d.update(s['fid'], s['meta'], blob) if s['fid'] else d.insert(s['meta'], blob)
            return s['done']
        if m[1] and len(body)%GRANULE: return error(400, 'invalidChunk', f'{len(body)} is no multiple of {GRANULE}')
        return 308, b'', dict(Range=f"bytes=0-{len(s['buf'])-1}") if s['buf'] else {}

    def files(self, js):
        d,verb,q = self.server.drive,self.verb,lambda k,v=None: self.query.get(k,[v])[0]
        rest = self.where.removeprefix('/drive/v2/').split('/')
        if rest==['about']: return 200, dict(quotaBytesTotal=str(d.quota), quotaBytesUsedAggregate=str(d.used()), quotaType='LIMITED')
        if rest==['files','generateIds']: return 200, dict(ids=[f'g{secrets.token_hex(14)}' for _ in range(int(q('maxResults',10)))])
        if rest==['files']: return d.insert(js) if verb=='POST' else d.search(q('q'), int(q('maxResults',100)), q('pageToken'))
        fid,f = rest[1],d.files.get(rest[1])
        if not f: return error(404, 'notFound', f'File not found: {fid}')
        if rest[2:]==['trash']: f['labels']['trashed'] = True
        if verb=='DELETE': return d.delete(fid)
        if verb in ('PATCH','PUT'): return d.update(fid, js)
        return self.content(d.blobs.get(fid, b'')) if q('alt')=='media' else (200, f)

    def content(self, b):
        self.media = True
        m = re.fullmatch(r'bytes=(\d+)-(\d*)', self.headers.get('Range') or '')
        if not m: return 200, b
        i,n = int(m[1]),len(b)
        if i>=n: return 416, b'', {'Content-Range':f'bytes */{n}'}
        part = b[i:int(m[2] or n)+1]
        return 206, part, {'Content-Range':f'bytes {i}-{i+len(part)-1}/{n}'}

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = go

class Server(ThreadingHTTPServer):
    daemon_threads,request_queue_size = True,64
    def handle_error(self, request, address): pass # A connection that a fault has cut

def serve(drive=None, port=0):
    "A server in threads of this process; `base` is its address"
    s = Server(('127.0.0.1',port), Handler)
    s.drive,s.base = drive or Drive(),f'http://127.0.0.1:{s.server_address[1]}'
    threading.Thread(target=s.serve_forever, args=(0.02,), daemon=True).start()
    return s
