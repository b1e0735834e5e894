"""A device that is not here: what lies on it refuses float64, is not mixed with the CPU's, has random numbers of its own, and is named with an
index where one asks for it without. Its numbers are computed on the CPU; only the storages are told apart. With it on, any code that names it runs."""
import contextlib
from unittest.mock import patch
import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

def tensors(*args): return [o for o in tree_leaves(args) if isinstance(o,Tensor)]

class Ops(TorchDispatchMode):
    "Every operation below autograd, and so in the backward pass, too: results of what lies on the device lie there"
    apart = 'copy_','_to_copy','set_','_index_put_impl_','index_put_','index_put'           # these may take tensors of both
    def __init__(self, dev):
        super().__init__()
        self.dev = dev

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        dev,kwargs = self.dev,kwargs or {}
        ins = tensors(args, kwargs)
        on  = [o for o in ins if dev.holds(o)]
        here = dev.place if dev.place is not None else bool(on) or not ins and dev.around
        if on and dev.place is None: self.refuse_mixture(func, args, ins, on)
        with dev.draws(here and torch.Tag.nondeterministic_seeded in func.tags): res = func(*args, **kwargs)
        if not here: return res
        was = {o.untyped_storage()._cdata for o in ins}
        for o in tensors(res):
            if o.untyped_storage()._cdata not in was: dev.take(o)
            elif dev.holds(o): dev.refuse(o)
        return res

    def refuse_mixture(self, func, args, ins, on):
        nm,off = func.overloadpacket.__name__,[o for o in ins if o.dim() and not self.dev.holds(o)]
        if nm in self.apart or nm=='index' and self.dev.holds(args[0]): return
        if off: raise RuntimeError(f'Expected all tensors to be on the same device, but found {self.dev.name} and cpu ({nm})')

class Elsewhere(TorchFunctionMode):
    "`with Elsewhere('mps') as dev:` there is such a device; `dev.moved` is how much of which type was brought to it, `dev.waits` counts `synchronize`"
    def __init__(self, kind='mps'):
        super().__init__()
        self.kind,self.name,self.moved,self.waits = kind,torch.device(kind, 0),[],0
        self.refs,self.place,self.around,self.ops = {},None,False,Ops(self)
        self.seed(0)

    # Where a storage lies: by its address, which a weak reference keeps from being used again
    def holds(self, t):
        ref = self.refs.get(t.untyped_storage()._cdata)
        return ref is not None and not ref.expired()

    def take(self, t):
        self.refuse(t)
        self.take_storage(t.untyped_storage())

    def take_storage(self, s):
        if len(self.refs)>20_000: self.refs = {k:o for k,o in self.refs.items() if not o.expired()}
        self.refs[s._cdata] = StorageWeakRef(s)
        return s

    def refuse(self, t):
        if t.dtype in (torch.float64,torch.complex128):
            raise TypeError(f"Cannot convert a {self.kind.upper()} Tensor to float64 dtype as the {self.kind.upper()} framework doesn't support float64.")

    # Its random numbers
    def seed(self, seed): self.random = torch.Generator().manual_seed(int(seed)).get_state()
    def set_random(self, state): self.random = state.clone()
    def wait(self): self.waits += 1

    @contextlib.contextmanager
    def draws(self, on):
        if not on: yield
        else:
            was = torch.get_rng_state()
            torch.set_rng_state(self.random)
            try: yield
            finally:
                self.random = torch.get_rng_state()
                torch.set_rng_state(was)

    @contextlib.contextmanager
    def placing(self, place):
        "Inside, what is made lies on the device, or does not"
        was,self.place = self.place,place
        try: yield
        finally: self.place = was

    def __enter__(self):
        mod = getattr(torch, self.kind)
        self.stack = contextlib.ExitStack()
        self.stack.enter_context(patch.multiple(mod, get_rng_state=lambda *a: self.random.clone(), set_rng_state=self.set_random, manual_seed=self.seed,
            synchronize=self.wait))
        self.stack.enter_context(patch.object(getattr(torch.backends, self.kind, mod), 'is_available', lambda: True))
        # where `torch.load` brings what it reads
        self.stack.enter_context(patch.object(torch.UntypedStorage, self.kind, lambda s: self.take_storage(s.clone())))
        self.stack.enter_context(self.ops)
        return super().__enter__()

    def __exit__(self, *args):
        super().__exit__(*args)
        self.stack.__exit__(*args)

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        on  = any(map(self.holds, tensors(args, kwargs)))
        own = self.own(func)
        if own: return own(func, on, args, kwargs)
        to = kwargs.get('device')
        if to is not None and func is not torch._C._nn._parse_to and torch.device(to).type in ('cpu',self.kind):
            kwargs['device'],there = 'cpu',torch.device(to).type==self.kind
            with self.placing(there): res = func(*args, **kwargs)
            for o in tensors(res) if there else []: self.take(o)          # `as_tensor` makes nothing
            return res
        was,self.around = self.around,self.around or on
        try: return func(*args, **kwargs)
        finally: self.around = was

    def own(self, func):
        "What is not as on the CPU"
        if func==Tensor.device.__get__: return self.device_of
        if func in (Tensor.numpy,Tensor.__array__): return self.to_numpy
        if func in (Tensor.to,Tensor.cpu): return self.move
        if func is Tensor.__deepcopy__: return self.copied
        return self.shown if func in (Tensor.__repr__,Tensor.__format__) else None

    def device_of(self, func, on, args, kwargs): return self.name if on else func(*args)
    def to_numpy(self, func, on, args, kwargs):
        if on: raise TypeError(f"can't convert {self.name} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first.")
        return func(*args, **kwargs)

    def shown(self, func, on, args, kwargs):
        with self.placing(False): return func(*args, **kwargs)

    def copied(self, func, on, args, kwargs):
        with self.placing(on): res = func(*args, **kwargs)
        if on: self.take(res)
        return res

    def move(self, func, on, args, kwargs):
        t,*rest = args
        other = kwargs.pop('other', None)
        if rest and isinstance(rest[0],Tensor): other = rest.pop(0)
        if other is not None: rest = [self.name if self.holds(other) else other.device, other.dtype, *rest]
        kwargs.pop('copy', None)
        if func is Tensor.cpu: rest = ['cpu']
        dev,dtype,_,fmt = torch._C._nn._parse_to(*rest, **kwargs)
        there = on if dev is None else dev.type==self.kind
        if dev is not None and dev.type not in ('cpu',self.kind): return func(*args, **kwargs)
        if there and not on: self.moved.append((t.numel(),t.dtype))
        # the same place: a new tensor only for another type, as ever
        with self.placing(there): return Tensor.to(t, dtype=dtype or t.dtype, copy=there!=on, memory_format=fmt or torch.preserve_format)
