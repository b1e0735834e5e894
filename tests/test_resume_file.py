"What goes into a file comes out of it: random trees of everything that a checkpoint may hold"
import json,math,random
import numpy as np, pytest, torch
from fastcore.all import L
from charrnn_fa.everything import *

def back(o):
    "Through a whole file and back"
    ts = {}
    return from_bytes(to_bytes(pack({'top':o}, ts), ts))['top']

def same(a, b):
    "Whether two trees are equal in structure, types and bits"
    if isinstance(a,torch.Tensor): return isinstance(b,torch.Tensor) and a.dtype==b.dtype and a.shape==b.shape and bits(a)==bits(b)
    if isinstance(a,np.ndarray):
        return isinstance(b,np.ndarray) and a.dtype.newbyteorder('=')==b.dtype and a.shape==b.shape and a.astype(b.dtype).tobytes()==b.tobytes()
    if isinstance(a,np.generic): a = a.item()
    if isinstance(a,dict): return isinstance(b,dict) and list(a)==list(b) and [type(o) for o in a]==[type(o) for o in b] and all(same(a[k],b[k]) for k in a)
    if isinstance(a,(list,L)): return type(b) is list and len(a)==len(b) and all(map(same, a, b))
    if isinstance(a,tuple): return type(b) is tuple and len(a)==len(b) and all(map(same, a, b))
    return type(a)==type(b) and (a==b or a!=a and b!=b) and (not isinstance(a,float) or math.copysign(1,a)==math.copysign(1,b) or a!=a)

def bits(t): return t.detach().resolve_conj().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() if t.numel() else b''

array_types  = '? b h i l q B H I L Q e f d >i4 >u2 >f8 <i8'.split()
tensor_types = [torch.bool,torch.int8,torch.int16,torch.int32,torch.int64,torch.uint8,torch.uint16,torch.uint32,torch.uint64,torch.float16,torch.bfloat16,
    torch.float32,torch.float64,torch.complex64,torch.float8_e4m3fn]

def an_array(rnd, shape, kind):
    raw = np.frombuffer(rnd.randbytes(math.prod(shape)*np.dtype(kind).itemsize), kind if kind!='?' else 'u1').reshape(shape)
    if kind=='?': raw = raw%2==1
    how = rnd.randrange(4)
    if how==0: return raw.copy()
    if how==1: return raw.T.copy().T
    if how==2: return raw.copy()[::-1] if raw.ndim else raw.copy()
    return np.repeat(raw, 2, axis=0)[::2] if raw.ndim else raw

def a_tensor(rnd, shape, dtype):
    a = torch.frombuffer(bytearray(rnd.randbytes(max(1,math.prod(shape))*torch.empty(0,dtype=dtype).element_size())), dtype=torch.uint8)
    a = (a%2).bool() if dtype==torch.bool else a.view(dtype)
    a = a[:math.prod(shape)].reshape(shape)
    return a.mT.contiguous().mT if a.dim()>1 and rnd.random()<.3 else a

def a_tree(rnd, depth=0):
    "Anything, its leaves of few shapes, so that many are of equal shape and type"
    what = rnd.randrange(4) if depth<3 and rnd.random()<.7 else 4+rnd.randrange(5)
    kids = rnd.randint(1,5)
    shape = rnd.choice([(4,),(2,2),(624,),(),(0,),(4,)])
    keys  = ['a','b','a/b','0',0,1,True,None,2.5,'$t','$d','','__metadata__',(1,'x'),'top','sha256','é\udc80']
    if what==0: return {k:a_tree(rnd, depth+1) for k in rnd.sample([o for o in keys if isinstance(o,str)], kids)}
    if what==1: return {k:a_tree(rnd, depth+1) for k in rnd.sample([o for o in keys if o is not True], kids)}
    if what==2: return [a_tree(rnd, depth+1) for _ in range(kids)]
    if what==3: return tuple(a_tree(rnd, depth+1) for _ in range(kids))
    if what<7: return an_array(rnd, shape, rnd.choice(array_types))
    if what<8: return a_tensor(rnd, shape, rnd.choice(tensor_types))
    return rnd.choice([None,True,False,0,-1,2**80,0.,-0.,float('nan'),float('-inf'),1e-320,'','x'*9,np.float32(.1),np.int16(3),np.bool_(True),np.float64(.1)])

def test_equal_shaped_arrays():
    "Each array of every type comes back as itself, among others of its shape"
    for kind in array_types:
        o = {f'n{i}':(np.arange(5)+7*i).astype(kind) for i in range(6)}
        assert same(o, back(o)), kind
    assert same({'a':np.arange(5),'b':np.arange(5)+7}, back({'a':np.arange(5),'b':np.arange(5)+7}))

def test_names_that_meet():
    "Paths that read alike are different places"
    for o in ({'a/b':torch.zeros(2),'a':{'b':torch.ones(2)}}, {0:torch.zeros(2),'0':torch.ones(2)}, {'__metadata__':torch.ones(2)}, {'':torch.ones(2),'a':torch.zeros(2)},
        {'a/b':np.arange(3),'a':{'b':np.arange(3)+1}}): assert same(o, back(o)), o

def test_shared_memory():
    "One tensor under two names is stored once; views of other shape, and conjugates, are not"
    w,c = torch.randn(4),torch.randn(2, dtype=torch.complex64)
    got,ts = back(dict(a=w, b=w.detach(), c=w.view(2,2), d=c, e=c.conj())),{}
    pack({'a':w,'b':w}, ts)
    assert got['a'] is got['b'] and got['c'].shape==(2,2) and same(c.conj().resolve_conj(), got['e']) and list(ts)==['a']

def test_random_trees(n=600):
    for seed in range(n):
        o = a_tree(random.Random(seed))
        assert same(o, back(o)), (seed, o)

def test_refused():
    "What cannot be kept is refused by name, not written wrong"
    for o in (1j, b'x', {1,2}, object(), np.zeros(2,complex), np.zeros(2,'M8[s]'), np.array(['a']), np.array([None]), np.longdouble(1), torch.zeros(2).to_sparse(),
        torch.zeros(2,dtype=torch.complex128), {object():1}, {(1,b'x'):1}, {torch.zeros(1):1}):
        with pytest.raises(TypeError, match='top.*cannot be kept in a checkpoint'): back(o)

def test_arrays_of_a_checkpoint():
    "A checkpoint of the library holds one integer array, numpy's random state: what `info` and other callbacks add may be more"
    from resume_child import make,fit
    import tempfile
    with tempfile.TemporaryDirectory() as d:
        fit(make(), Resume(d), n=1)
        data = open_store(d).get(checkpoints(d)[-1])
    n = int.from_bytes(data[:8],'little')
    assert json.loads(data[8:8+n])['__metadata__']['charrnn_fa'].count('"$n"')==1
