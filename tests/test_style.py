"Exported code stays open: what a reader would have to decode is written out"
import ast, pytest
from conftest import root

def is_truth(o):
    "Whether an expression is plainly a bool"
    return isinstance(o,(ast.Compare,ast.BoolOp)) or isinstance(o,ast.UnaryOp) and isinstance(o.op,ast.Not) or getattr(getattr(o,'func',None),'id','')=='bool'

def is_sequence(o): return isinstance(o,(ast.List,ast.Tuple,ast.JoinedStr)) or isinstance(o,ast.Constant) and isinstance(o.value,(str,bytes))

def dense(n):
    "What is dense about a node; None if nothing is"
    if isinstance(n,ast.IfExp) and any(isinstance(o,ast.IfExp) for o in (n.test,n.body,n.orelse)): return 'a nested conditional expression'
    if isinstance(n,ast.BinOp) and isinstance(n.op,ast.Mult):
        for a,b in ((n.left,n.right),(n.right,n.left)):
            if is_sequence(a) and is_truth(b): return 'a list or string times a bool'
    if isinstance(n,ast.Assign):
        values = n.value.elts if isinstance(n.value,ast.Tuple) else [n.value]
        if any(isinstance(o,ast.Lambda) for o in values): return 'a lambda bound to a name'
        if isinstance(n.targets[0],ast.Tuple) and len(n.targets[0].elts)>6: return 'more than six names assigned at once'

def found(src): return [(n.lineno,what) for n in ast.walk(ast.parse(src)) if (what := dense(n))]

@pytest.mark.parametrize('src', ["1 if a else 2 if b else 3", "'s'*(n!=1)", "(a and b)*[1]", "f = lambda x: x", "a,b,c,d,e,f,g = o", "[1]*bool(n)"])
def test_each_is_found(src): assert len(found(src))==1

@pytest.mark.parametrize('src', ["1 if a else 2", "'-'*n", "sorted(xs, key=lambda o: o[1])", "a,b,c = o", "(n!=1)*3"])
def test_nothing_else_is(src): assert not found(src)

def test_no_dense_places():
    files = [o for o in (root/'charrnn_fa').rglob('*.py') if o.name!='_modidx.py']
    bad = [f'{o.relative_to(root)}:{line} {what}' for o in files for line,what in found(o.read_text(encoding='utf-8'))]
    assert len(files)>60 and not bad, '\n'.join(bad)
