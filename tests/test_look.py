"Views: every number against a slow and plain computation, every host that shows them, no trace in training"
import base64,html,math,re,sys,unicodedata,zlib
from collections import Counter
from pathlib import Path
from html.parser import HTMLParser
import numpy as np
import pytest,torch
from torch import nn
from fastcore.all import AttrDict
from fastai.callback.core import Callback
from charrnn_fa.everything import *
from charrnn_fa.look.trace import trace
from charrnn_fa.look.marks import shown

CELLS_AND_DEPTHS = [(c,n) for c in ('rnn','gru','lstm','mingru') for n in (1,3)]
said = 'she sells (sea) shells by the "sea" shore.\nROMEO:\nO me!\n'*30
vocab = CharVocab.from_text(said)

def made(cell='lstm', n_layers=1, n_hid=7, seed=0, **kw):
    torch.manual_seed(seed)
    return CharRNN(len(vocab), cell, n_hid=n_hid, n_layers=n_layers, n_emb=5, **kw).eval()

def trained(*args, **kw): return TrainedModel(made(*args, **kw), vocab, dict(config=None, corpus='a test'))

def plain_losses(model, codes):
    "One character after the other, no rows, no windows"
    res = []
    with torch.no_grad():
        model.reset()
        for a,b in zip(codes, codes[1:]):
            p = model(torch.tensor([[int(a)]]))[0,0].double().softmax(0)
            res.append(-math.log(p[int(b)]))
        model.reset()
    return res

@pytest.mark.parametrize('cell,n_layers', CELLS_AND_DEPTHS)
def test_surprise_is_the_plain_one(cell, n_layers):
    tm = trained(cell, n_layers)
    s  = said[:300]
    v,want = tm.surprise(s),np.array(plain_losses(tm.model, vocab.encode(s)))
    assert np.allclose(v.bits*math.log(2), want, atol=1e-5) and abs(v.nats-tm.evaluate(vocab.encode(s)).nats)<1e-6
    assert np.allclose(v.lines[1], want[42:49].mean()/math.log(2), atol=1e-5)
    tip = re.findall(r'title="([^"]*)"', v.html)[100]
    assert html.unescape(tip).split('\n')[0]==f'{shown(s[100])} {want[99]/math.log(2):.2f} bits'

def test_surprise_of_a_long_text_is_what_evaluate_says():
    tm = trained('gru')
    s  = said*4
    assert len(s)>4096
    assert abs(tm.surprise(s, n=None).nats-tm.evaluate(vocab.encode(s)).nats)<1e-6

cuts = dict(surprise=(2000,lambda o,s: o.surprise(s)), neurons=(500,lambda o,s: o.neurons(s)), gates=(2000,lambda o,s: o.gates(s)),
    loss_by=(300,lambda o,s: o.loss_by(s, n=300)), find_neurons=(1028,lambda o,s: o.find_neurons(s, n=1030)))

@pytest.mark.parametrize('name', cuts)
def test_a_view_of_a_part_says_so(name):
    "On a terminal and in a page, of a text that was given and of the validation part; nothing is said of a whole text"
    n,f = cuts[name]
    text = 'she sells (sea) shells by "the" sea shore.\n'*60
    learn = char_learner(CharDataLoaders.from_text(text*10, bs=4, seq_len=16, device='cpu'), 'gru', n_hid=8, precision='fp32')
    for s in (text,None):
        of = len(learn.dls.valid.codes) if s is None else len(s)
        view = f(learn, s)
        for shown in (str(view),html.unescape(view._repr_html_())): assert re.search(rf'[Tt]he first {n:,} of {of:,} characters', shown) and 'n= ' in shown, shown[:300]
    if name in ('surprise','gates','neurons'): assert 'the first' not in f(learn, text[:400]).title.lower()

def test_loss_by_sums_to_the_whole():
    tm = trained()
    lb,want = tm.loss_by(said[:1000]),plain_losses(tm.model, vocab.encode(said[:1000]))
    for rows in lb.tables.values(): assert abs(sum(r.part for r in rows)-np.mean(want))<1e-5 and sum(r.n for r in rows)==999
    row, = [r for r in lb.tables['kind of character'] if r.group=='newline']
    assert abs(row.nats-np.mean([l for l,c in zip(want, said[1:1000]) if c=='\n']))<1e-5

def discounts(counts):
    "Chen & Goodman's D1, D2, D3+, kept between 0.05 and what the count can give"
    n = [max(1, sum(c==i for c in counts)) for i in (1,2,3,4)]
    y = n[0]/(n[0]+2*n[1])
    return [0]+[min(max(i-(i+1)*y*n[i]/n[i-1], 0.05), 0.95*i) for i in (1,2,3)]

def plain_ngram(train, order, v):
    "Modified Kneser-Ney with dictionaries of strings: a function from a context to the probabilities of all characters"
    grams  = lambda i: [train[j:j+i] for j in range(len(train)-i+1)]
    levels = [Counter(grams(i) if i==order else (g[1:] for g in set(grams(i+1)))) for i in range(1, order+1)]
    ds = [discounts(o.values()) for o in levels]
    def _probs(ctx):
        res = dict.fromkeys(v, 1/len(v))
        for i,(level,d) in enumerate(zip(levels, ds)):
            h = ctx[len(ctx)-i:]
            own = {c:level[h+c] for c in v if level[h+c]}
            if len(ctx)<i or not own: break
            tot = sum(own.values())
            res = {c:(own.get(c,0)-d[min(3, own.get(c,0))]+res[c]*sum(d[min(3,o)] for o in own.values()))/tot for c in v}
        return res
    return _probs

def test_loss_by_what_the_ngram_knew_is_the_plain_one():
    rng  = np.random.default_rng(0)
    text = ' '.join(rng.choice(['sea','shells','she','sells','shore','by'], 700))
    dls  = CharDataLoaders.from_text(text, bs=4, seq_len=16, device='cpu')
    learn,val = char_learner(dls, 'gru', n_hid=7),dls.vocab.decode(dls.valid.codes)
    lb,want = learn.loss_by(),np.array(plain_losses(learn.model.eval(), dls.valid.codes))
    train,v = dls.vocab.decode(dls.train.codes),list(dls.vocab.itos)
    ngrams  = [plain_ngram(train, k, v) for k in range(1,8)]
    rows    = [[f(val[:i]) for i in range(len(val))] for f in ngrams]
    k = min(range(7), key=lambda k: -sum(math.log(p[c]) for p,c in zip(rows[k], val)))
    sums = {}
    for p,c,l in zip(rows[k][1:], val[1:], want):
        top = max(p, key=p.get)
        nm  = 'unsure' if p[top]<0.5 else 'sure and right' if top==c else 'sure and wrong'
        n,s = sums.get(nm, (0,0.))
        sums[nm] = n+1,s+l
    table = {r.group:r for r in lb.tables['what the best n-gram already knew']}
    assert table.keys()==sums.keys()=={'unsure','sure and right','sure and wrong'} and f'order {k+1}' in str(lb)
    for nm,(n,s) in sums.items(): assert table[nm].n==n and abs(table[nm].nats-s/n)<1e-4
    assert abs(sum(r.part for r in table.values())-want.mean())<1e-5

def test_loss_by_without_a_training_text_says_so():
    tm = trained()
    assert 'what the best n-gram already knew' not in tm.loss_by(said).tables and 'is left out' in str(tm.loss_by(said)) and 'is left out' in tm.loss_by(said).html
    assert 'what the best n-gram already knew' in tm.loss_by(said, train=vocab.encode(said)).tables

def plain_lstm(model, codes):
    "The LSTM's equations, number by number: h, c and the gates of a single layer"
    w = {k:v.detach().double() for k,v in model.rnn.named_parameters()}
    n = model.config['n_hid']
    h,c,out = torch.zeros(n).double(),torch.zeros(n).double(),[]
    for i in codes:
        x = model.emb.weight[int(i)].detach().double()
        a = w['weight_ih_l0']@x+w['bias_ih_l0']+w['weight_hh_l0']@h+w['bias_hh_l0']
        i_,f,g,o = a[:n].sigmoid(),a[n:2*n].sigmoid(),a[2*n:3*n].tanh(),a[3*n:].sigmoid()
        c = f*c+i_*g
        h = o*c.tanh()
        out.append((h,c,i_,f,o))
    return [torch.stack(o).numpy() for o in zip(*out)]

def test_the_text_to_count_on_may_be_a_text():
    "as everywhere else, and need not be its codes"
    tm,codes = trained('gru'),vocab.encode(said)
    assert tm.loss_by(said[:900], train=said).tables==tm.loss_by(said[:900], train=codes).tables
    assert tm.memory(said[:900], train=said, upto=4).ngram==tm.memory(said[:900], train=codes, upto=4).ngram!={}

def test_trace_of_an_lstm_is_the_equations():
    m,codes = made(n_hid=6),vocab.encode(said[:80])
    t = trace(m, codes, gates=True)
    for got,want in zip((t.h1, t.c1, *(t.gates[f'{k} 1'] for k in ('input','forget','output'))), plain_lstm(m, codes)): assert np.allclose(got, want, atol=1e-5)
    v = TrainedModel(m, vocab, {}).gates(said[:80])
    assert np.allclose(v.open['forget 1'], (plain_lstm(m, codes)[3]>0.9).mean(0))

@pytest.mark.parametrize('cell,n_layers', CELLS_AND_DEPTHS)
def test_trace_ends_in_the_state_of_one_pass(cell, n_layers):
    m,codes = made(cell, n_layers),vocab.encode(said[:90])
    t = trace(m, codes)
    with reading(m):
        m(torch.from_numpy(codes.astype(np.int64))[None])
        state = m.get_state()
    for nm,s in zip('hc', state):
        for i in range(n_layers): assert np.allclose(t[f'{nm}{i+1}'][-1], s[i,0].numpy(), atol=1e-5)

def test_gates_of_a_gru_make_its_state():
    "h' = (1-z) n + z h with n from the cell: z and r as traced reproduce nn.GRU"
    m,codes = made('gru', 2, n_hid=4),vocab.encode(said[:50])
    t,w = trace(m, codes, gates=True),{k:v.detach().numpy() for k,v in m.rnn.named_parameters()}
    n,x = 4,m.emb.weight.detach().numpy()[codes.astype(int)]
    for l,(x,h) in enumerate(((x,t.h1),(t.h1,t.h2))):
        was = np.vstack([np.zeros(n), h[:-1]])
        r,z = t.gates[f'reset {l+1}'],t.gates[f'update {l+1}']
        new = np.tanh(x@w[f'weight_ih_l{l}'][2*n:].T+w[f'bias_ih_l{l}'][2*n:]+r*(was@w[f'weight_hh_l{l}'][2*n:].T+w[f'bias_hh_l{l}'][2*n:]))
        assert np.allclose((1-z)*new+z*was, h, atol=1e-5)

class Cells(nn.Module):
    "A loop over nn.LSTMCell, as people write it"
    def __init__(self, v, n=6):
        super().__init__()
        self.emb,self.cell,self.head,self.h = nn.Embedding(v, 4),nn.LSTMCell(4, n),nn.Linear(n, v),None
    def reset(self): self.h = None
    def forward(self, x):
        outs,h = [],self.h
        for e in self.emb(x).unbind(1):
            h = self.cell(e, h)
            outs.append(h[0])
        self.h = tuple(o.detach() for o in h)
        return self.head(torch.stack(outs, 1))

def test_a_module_of_ones_own():
    tm = TrainedModel(Cells(len(vocab)), vocab, {})
    assert tm.neurons(said[:60]).values['c1'].shape==(60,6) and tm.surprise(said[:60]).bits.shape==(59,) and tm.looks_back(said[:20]).pull.shape==(19,)
    with pytest.raises(ValueError, match='no `reset`'): TrainedModel(nn.Sequential(nn.Embedding(len(vocab),len(vocab))), vocab, {}).neurons(said[:60])

class Named(nn.Module):
    "A recurrent layer that is given its state by position, or by name"
    def __init__(self, kind, name):
        super().__init__()
        self.emb,self.rnn,self.head,self.name,self.h = nn.Embedding(len(vocab), 4),kind(4, 6, batch_first=True),nn.Linear(6, len(vocab)),name,None
    def reset(self): self.h = None
    def forward(self, x):
        out,self.h = self.rnn(self.emb(x), **{self.name:self.h}) if self.name else self.rnn(self.emb(x), self.h)
        return self.head(out)

@pytest.mark.parametrize('kind', [nn.LSTM,nn.GRU])
def test_gates_where_the_state_is_given_by_name(kind):
    codes,gates = vocab.encode(said[:60]),[]
    for nm in (None,'hx'):
        torch.manual_seed(1)
        gates.append(trace(Named(kind, nm), codes, gates=True).gates)
    assert gates[0].keys()==gates[1].keys()
    for k,g in gates[0].items(): assert np.array_equal(g, gates[1][k])

def test_auc_is_the_share_of_pairs():
    rng = np.random.default_rng(0)
    x,f = rng.integers(0, 5, (60,3)).astype(float),(rng.random(60)<0.4).astype(float)          # with many ties
    for u,s in zip(x.T, weights(f)@ranks(x)):
        a,b = u[f==1][:,None],u[f==0]
        assert abs(s-(2*((a>b)+(a==b)/2).mean()-1))<1e-5

def test_an_untrained_network_has_no_units_to_name():
    words = np.random.default_rng(0).choice(['sea','shells','She','SELLS','(by the)','shore.\n'], 1500)
    s = ' '.join(words)
    v = CharVocab.from_text(s)
    torch.manual_seed(5)
    none = TrainedModel(CharRNN(len(v), 'lstm', n_hid=24), v, {}).find_neurons(s, n=6000)
    assert none.rows==[] and re.fullmatch(r'None of \d+ units tracks something that has a name \(the first [\d,]+ of [\d,]+ characters; n= in Python gives more\)', str(none)) and '<table' not in none._repr_html_()

def test_steering_writes_into_the_state():
    tm,(k,i,x) = trained('lstm', 2),('c2',3,4.)
    with reading(tm.model):
        tm.model(torch.tensor([[1,2]]))
        was = tm.model.get_state()
        from charrnn_fa.look.neurons import _hold
        _hold(tm.model, k, i, x)
        h,c = tm.model.get_state()
    assert torch.equal(h, was[0]) and (c[1,:,3]==4).all() and torch.equal(c[0], was[1][0])
    v = tm.steer('c2[3]', 0., '\n', n=50)
    assert v.free==str(tm.sample('\n', n=50, temperature=0.8, seed=0)) or len(v.free)==51

def test_memory_is_the_plain_loss():
    tm,codes = trained('gru'),vocab.encode(said)
    ls = context_losses(tm.model, codes, (1,8), places=5)
    at = np.linspace(8, len(codes)-1, 5).astype(int)
    for i,k in enumerate((1,8)):
        for j,p in enumerate(at): assert abs(ls[i,j]-plain_losses(tm.model, codes[p-k:p+1])[-1])<1e-5

def test_copies_against_looking_everywhere():
    rng = np.random.default_rng(0)
    for _ in range(30):
        src,s = [''.join(rng.choice(list('ab\n'), n)) for n in (400,60)]
        c = memorised(s, src, run=7, sizes=(3,5))
        pieces = [(i,k) for k in range(1,61) for i in range(61-k) if s[i:i+k] in src]
        assert len(c.longest)==max(k for _,k in pieces) and c.longest in src and s[c.start:c.start+len(c.longest)]==c.longest
        mask = np.zeros(60, dtype=bool)
        for i,k in pieces:
            if k==7: mask[i:i+7] = True
        assert (c.mask==mask).all() and abs(c.new[3]-(1-sum(k==3 for _,k in pieces)/58))<1e-9

# Every verb on every kind of network
KINDS = [*CELLS_AND_DEPTHS, ('counted gru',1), ('counted lstm',3), ('beside gru',1), ('beside lstm',3)]

def network(kind, n_layers, train):
    m = made(kind.split()[-1], n_layers, n_hid=6, n_cells=2 if kind.startswith('beside') else 1)
    return Counted(m, Counts.from_codes(train, len(vocab), 3)).eval() if kind.startswith('counted') else m

def verbs(who, train):
    "A call of every verb, by its name; `train` is what a trained model has to be given, empty for a learner"
    s = said[:150]
    codes,src = (dict(train=vocab.encode(train)),dict(source=train)) if train else ({},{})
    return dict(
        surprise=lambda: who.surprise(s), neurons=lambda: who.neurons(s[:60]), gates=lambda: who.gates(s[:60]), looks_back=lambda: who.looks_back(s[:20]),
        loss_by=lambda: who.loss_by(s, **codes), find_neurons=lambda: who.find_neurons(said[:1100], n_untrained=1),
        steer=lambda: who.steer('h1[2]', 0.9, '\n', n=12), memory=lambda: who.memory(s, upto=8, places=6, **codes),
        memorised=lambda: who.memorised(s, **src), compare=lambda: who.compare({'again':who}, temperatures=(0.5,), n=12))

@pytest.mark.parametrize('kind,n_layers', KINDS)
@pytest.mark.parametrize('loaded', [False,True])
def test_every_verb_on_every_network(kind, n_layers, loaded, tmp_path):
    dls   = CharDataLoaders.from_text(said, bs=4, seq_len=16, device='cpu')
    learn = CharLearner(dls, network(kind, n_layers, dls.train.codes))
    assert dls.vocab.itos==vocab.itos
    if loaded: learn.save_trained(tmp_path/'m.pt')
    who,n = load_trained(tmp_path/'m.pt') if loaded else learn,6
    params = [o.clone() for o in who.model.state_dict().values()]
    for nm,f in verbs(who, said if loaded else '').items():
        if nm=='gates' and kind=='rnn':
            with pytest.raises(ValueError, match='There are no gates'): f()
            continue
        v = f()
        assert '<iframe' in v._repr_html_() and str(v), nm
        if nm=='surprise': assert np.allclose(v.bits*math.log(2), plain_losses(who.model.eval(), vocab.encode(said[:150])), atol=1e-5)
        if nm=='neurons': assert {k:o.shape for k,o in v.values.items()}=={f'{k}{i+1}':(60,n) for k in ('hc' if 'lstm' in kind else 'h') for i in range(n_layers)}
        if nm=='gates': assert len(v.open)==n_layers*(3 if 'lstm' in kind else 1 if kind=='mingru' else 2)
        if nm=='loss_by': assert 'what the best n-gram already knew' in v.tables
        if nm=='memory': assert set(v.loss)=={1,2,4,8} and v.ngram
        if nm=='steer': assert len(v.held)==len(v.free)==13
        if nm=='compare': assert len(set(v.texts.values()))==1 and len(v.texts)==2
        if nm=='memorised': assert len(v.copies.longest)>100
    for a,b in zip(params, who.model.state_dict().values()): assert torch.equal(a, b)

def test_what_a_trained_model_cannot_know_is_asked_for():
    tm = trained()
    for nm in ('surprise','neurons','gates','loss_by','find_neurons','memory'):
        with pytest.raises(ValueError, match='pass a text'): getattr(tm, nm)()
    with pytest.raises(ValueError, match='pass it as source='): tm.memorised(said[:50])

def test_steering_counts_holds_the_unit_of_the_cell():
    m = network('counted gru', 1, vocab.encode(said))
    v = TrainedModel(m, vocab, {}).steer('h1[3]', 0.9, '\n', n=30)
    assert v.held!=v.free or (m.cell.head.weight[:,3]==0).all()
    with pytest.raises(ValueError, match='There is no unit c1'): TrainedModel(m, vocab, {}).steer('c1[0]', 1.)

def test_an_untrained_network_with_counts_has_new_weights():
    m = network('counted mingru', 3, vocab.encode(said))
    new = untrained(m, 1)
    assert not torch.equal(new.cell.head.weight, m.cell.head.weight) and new.cell.config==m.cell.config

# What is shown
ALL = '<script>alert(1)</script>&amp;"\'' + ''.join(chr(p*0x10000+o) for p in range(17) for o in (0x41,0x3b1,0x5d0,0x627,0x301,0x200d,0x202e,0xfffd)) + '\x00\x1b\x7f\t\r\n\n \ud800'

def test_any_character_is_escaped():
    v = CharVocab(ALL)
    view = TrainedModel(CharRNN(len(v), 'gru', n_hid=4), v, {}).surprise(ALL)
    s = view._repr_html_()
    assert '<script' not in s and '\x00' not in s and len(view.bits)==len(ALL)-1
    s.encode('utf-8')                                                                            # no lone surrogate is left
    str(view).encode('utf-8')

class Seen(HTMLParser):
    "The text, the titles and the tags of a page, as a browser makes them out"
    def __init__(self, s):
        super().__init__()
        self.tags,self.text,self.titles = set(),'',[]
        self.feed(s)
        self.close()
    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        assert not any(k.startswith('on') for k,_ in attrs)
        self.titles += [v for k,v in attrs if k=='title']
    def handle_data(self, s): self.text += s

TAGS = {'div','span','wbr','iframe','details','summary','u','b','table','tr','td','th'}

@pytest.fixture(scope='module')
def hostile():
    "Every view of a text out of `ALL`, in the names of groups, features and models too"
    s  = ALL*12
    v  = CharVocab(ALL)
    tm = TrainedModel(CharRNN(len(v), 'gru', n_hid=4), v, {})
    row = AttrDict(unit='h1[0]', feature=ALL, score=.5, auc=.75, untrained=.1, p=.01)
    kept = [dict(step=10, loss=2., text=ALL)]
    return dict(surprise=tm.surprise(ALL), neurons=tm.neurons(ALL), looks_back=tm.looks_back(ALL), loss_by=tm.loss_by(s, by={ALL:list}),
        found=FoundNeurons([row], {'h1[0]':(ALL,[1]*len(ALL))}, len(ALL), 4), steer=tm.steer('h1[1]', 1., ALL, n=60), memory=tm.memory(s, v.encode(s), upto=8, places=5),
        memorised=tm.memorised(ALL, s), compare=tm.compare({ALL:tm}, temperatures=(1.,), prompt=ALL, n=60), samples=Samples(kept), gates=tm.gates(ALL))

VIEWS = ['surprise','neurons','looks_back','loss_by','found','steer','memory','memorised','compare','samples','gates']
SHOWS = {'surprise','neurons','looks_back','found','steer','memorised','compare','samples'}           # the others show figures, or single characters

@pytest.mark.parametrize('name', VIEWS)
def test_any_character_is_escaped_in_every_view(name, hostile):
    view = hostile[name]
    page,plain = Seen(view.page()),Seen(view.html)
    frame, = re.findall('srcdoc="([^"]*)"', view._repr_html_())
    assert plain.tags<=TAGS and page.tags-TAGS<={'html','head','meta','title','body'}, plain.tags-TAGS
    assert html.unescape(frame).count('<script')==1 and html.unescape(frame).count('</script')==1
    for s in (view._repr_html_(), html.unescape(frame), str(view), plain.text, *plain.titles):
        assert not re.search('[\x00-\x09\x0b-\x1f\x7f\u202e\u200d\ud800-\udfff]', s.replace('\n', '')), name
        s.encode('utf-8')
    if name in SHOWS: assert ''.join(map(shown, '<script>alert(1)</script>&amp;"\'')) in plain.text.replace('\n', '')

@pytest.mark.parametrize('name', VIEWS)
def test_any_character_in_a_browser(name, hostile, browser, tmp_path):
    "No dialog, no error, the frame filled; each view with every character"
    p,seen = browser.new_page(),[]
    p.on('pageerror', lambda e: seen.append(str(e)))
    p.on('dialog', lambda d: (seen.append(d.message), d.dismiss()))
    p.goto(hostile[name].save(tmp_path/'v.html').as_uri())
    p.wait_for_function("document.querySelector('iframe').offsetHeight>40")
    assert not seen and p.evaluate('document.characterSet')=='UTF-8'
    if name in SHOWS: assert '<script>alert(1)</script>' in p.frames[1].evaluate("document.querySelector('#root').textContent")
    p.close()

@pytest.mark.parametrize('name', ['surprise','neurons','loss_by'])
def test_in_a_sandbox_the_plain_part_stays(name, browser):
    "Scripts run, but what is around the frame is out of reach: no error, nothing hidden, titles tell on hover"
    tm = trained(n_hid=9)
    view = dict(surprise=lambda: tm.surprise(said[:400]), neurons=lambda: tm.neurons(said[:300]), loss_by=lambda: tm.loss_by(said))[name]()
    for flags in ('allow-scripts','','allow-scripts allow-same-origin'):
        p,errors = browser.new_page(viewport=dict(width=390, height=900)),[]
        p.on('pageerror', lambda e: errors.append(str(e)))
        p.set_content(f'<iframe sandbox="{flags}" style="width:100%;height:800px;border:0" srcdoc="{html.escape(view.page())}"></iframe>')
        outer = p.frame_locator('iframe')
        outer.locator('iframe').wait_for(state='attached')
        p.wait_for_timeout(400)
        text,frame = outer.locator('body > div > div').first,outer.locator('iframe')
        if 'origin' in flags: assert frame.bounding_box()['height']>40 and not text.is_visible()
        else: assert text.is_visible() and text.bounding_box()['height']>100 and frame.bounding_box()['height']==0
        if 'origin' not in flags and name=='surprise': assert outer.locator('[title$=" bits"], [title*=" bits"]').count()>100
        assert not errors, errors
        p.close()

@pytest.mark.parametrize('letters', ['abcdefghij klmnop\nqrstuvwxyz<&"ABCDEFG','永字八法 側勒努趯策掠啄磔\n之乎者也，。'])
@pytest.mark.parametrize('std', [0.,3.])
def test_two_thousand_characters_stay_small(std, letters):
    "Knowing nothing, where every character is shaded, and being sure, often wrongly"
    text = ''.join(np.random.default_rng(0).choice(list(letters), 2000))
    v = CharVocab.from_text(text)
    torch.manual_seed(0)                                   # another one may come to 304 kB
    m = CharRNN(len(v), 'gru', n_hid=8)
    nn.init.normal_(m.head.weight, std=std)
    tm = TrainedModel(m, v, {})
    for view in (tm.surprise(text), tm.looks_back(text), tm.memorised(text, text[::2])): assert len(view._repr_html_().encode())<300_000, type(view)

@pytest.mark.parametrize('letter', ['e','<','猫'])
@pytest.mark.parametrize('n,n_units', [(2000,512), (500,512), (9,3), (20_000,2)])
def test_units_of_a_wide_network_stay_small(n, n_units, letter):
    "An LSTM whose values nobody can pack well: the most variable units travel, the view says how many of how many, and what it sends is what they held"
    rng  = np.random.default_rng(0)
    vals = {k:rng.uniform(-1, 1, (n,n_units)).astype(np.float32)*np.linspace(1, .2, n_units, dtype=np.float32) for k in ('h1','c1')}
    v = Neurons(letter*n, vals, ('c1',1))
    if n<20_000: assert len(v._repr_html_().encode())<300_000
    sent = np.frombuffer(zlib.decompress(base64.b64decode(v.data['z'])), np.uint8).reshape(-1, n).astype(int)-4
    assert [(k,i) for k,ix in v.data['units'].items() for i in ix]==v.choice and v.choice[v.data['first']]==('c1',1)
    for (k,i),got,top in zip(v.choice, sent, v.data['largest']):
        x = vals[k][:,i]
        assert (np.abs(got/4-x/np.abs(x).max())<0.1251).all() and abs(top-np.abs(x).max())<0.0051
    if len(v.choice)==2*n_units: assert f'any of the {2*n_units:,} units' in v.html
    else:
        assert f'of {2*n_units:,} units' in v.html or f'of the {2*n_units:,} units' in v.html
        assert f'{len(v.choice):,} of {2*n_units:,} units' in v.html and len(v.choice)>100 or n==20_000 and len(v.choice)==1
        stds = {(k,i):o for k,x in vals.items() for i,o in enumerate(x.std(0))}
        left = max(o for u,o in stds.items() if u not in v.choice)
        assert all(stds[u]>=left for u in v.choice if u!=('c1',1))
        assert ('can be chosen' in v.html)==(len(v.choice)>1)
        other = re.search(r"unit='(\w+\[\d+\])'", v.html)[1]
        assert unit_name(other) not in v.choice and unit_name(other) in Neurons(letter*n, vals, other).choice

def test_another_unit_is_chosen(browser, tmp_path):
    "Shade, tip, title and largest value follow the choice; back at the first unit its exact values are there again"
    tm = trained(n_hid=5)
    v  = tm.neurons(said[:90], 'h1[2]')
    p  = browser.new_page()
    p.goto(v.save(tmp_path/'v.html').as_uri())
    p.wait_for_function("document.querySelector('iframe').offsetHeight>40")
    fr = p.frames[1]
    fr.wait_for_selector('select')
    tips = lambda: fr.locator('.lines [data-tip]').evaluate_all('es => es.map(e => e.dataset.tip)')
    styles = lambda: fr.locator('.lines [data-tip]').evaluate_all("es => es.map(e => e.getAttribute('style') || '')")
    first = tips(),styles()
    assert first[0]==[f'{shown(c)} {x:.3f}' for c,x in zip(said, v.values['h1'][:,2])]
    fr.locator('select').select_option('c1[4]')
    x = v.values['c1'][:,4]
    quarters = [round(4*float(o)/np.abs(x).max())/4 for o in x]
    assert tips()==[f'{shown(c)} {q:g} of the largest' for c,q in zip(said, (abs(q) and q for q in quarters))]
    assert styles()==[SIGNED.style(int(4*q)) for q in quarters]
    assert fr.locator('#root > div').first.inner_text()=='Unit c1[4] over 90 characters' and fr.locator('.largest').inner_text()==f'{np.abs(x).max():.2f}'
    fr.locator('button').first.click()                                                                      # the previous unit
    assert fr.locator('#root > div').first.inner_text()=='Unit c1[3] over 90 characters'
    fr.locator('select').select_option('h1[2]')
    assert (tips(),styles())==first
    p.close()

def test_without_colours_there_are_marks():
    "Each character's level can be read off a text without colours, and the legend says what a mark stands for"
    tm = trained(n_hid=9)
    v  = tm.surprise(said[:50])
    title,note,key,*rows = str(v).split('\n')
    legend = {o[0]:o.split(' = ')[-1] for o in key.split('  ')}
    got,at = [],0
    while rows:
        line = rows.pop(0)[5:]
        below = rows.pop(0)[5:] if rows and re.fullmatch(r'[ .\d]*', rows[0]) else ''
        got += below.ljust(len(line))
    low = [float(legend[o].removesuffix(' bits')) if o!=' ' else 0 for o in got]
    assert len(low)==50 and all(a<=b<(a+.5 if a<1 else a+1 if a<4 else a+2 if a<8 else 99) for a,b in zip(low[1:], v.bits))

def test_in_a_browser(browser, tmp_path):
    "Offline, wide and narrow, light and dark: the frame takes over, hover tells, nothing is cut off; without scripts the plain part stays"
    tm = trained(n_hid=9)
    for nm,view in dict(surprise=tm.surprise(said[:400]), neurons=tm.neurons(said[:300]), loss_by=tm.loss_by(said)).items():
        f = view.save(tmp_path/f'{nm}.html')
        for width,scheme in ((1280,'light'),(390,'dark')):
            c = browser.new_context(viewport=dict(width=width, height=800), color_scheme=scheme, offline=True)
            p,errors = c.new_page(),[]
            p.on('pageerror', lambda e: errors.append(str(e)))
            p.goto(f.as_uri())
            p.wait_for_function("document.querySelector('iframe').offsetHeight>40")
            fr = p.frames[1]
            if nm=='neurons': fr.wait_for_selector('select')
            assert not errors and fr.evaluate('document.documentElement.classList.contains("dark")')==(scheme=='dark')
            assert p.evaluate('document.documentElement.scrollWidth')<=width
            if nm!='loss_by':
                fr.locator('[data-tip]').nth(30).hover()
                assert fr.locator('#tip').inner_text().startswith(shown(said[30])) or nm=='neurons' and fr.locator('#tip').inner_text()
            c.close()
        c = browser.new_context(java_script_enabled=False)
        p = c.new_page()
        p.goto(f.as_uri())
        assert p.locator('iframe').bounding_box()['height']==0 and len(p.inner_text('body'))>200
        c.close()

def test_a_table_is_read_where_a_dark_theme_gets_at_it(browser):
    "An untrusted notebook in JupyterLab's dark theme: `inherit` is stripped, tables are given the theme's white, and the plain part stays white"
    c = browser.new_context(java_script_enabled=False)
    p = c.new_page()
    p.set_content('<style>table{color:#fff}</style>'+trained().loss_by(said)._repr_html_().replace('color:inherit', ''))
    assert not re.search('color: ?rgb\\(255', ''.join(p.locator('td').evaluate_all("es => es.map(e => 'color:'+getComputedStyle(e).color)")))
    c.close()

def sanitiser(browser):
    "The patterns of the inline styles that JupyterLab leaves in an untrusted notebook, from its own script"
    folder = Path(sys.prefix)/'share/jupyter/lab/static'
    js = next(s for o in folder.glob('jlab_core*.js') for s in [o.read_text(encoding='utf-8')])
    lists,allowed = re.search(r'class (\w+)\{static reg\(', js),js.index('allowedStyles:{"*"')
    nm = lists[1]
    defined = max(m.end() for m in re.finditer(rf'{nm}\.\w+={nm}\.reg\([^;,]*?\)(?=[;,])', js[lists.start():allowed]))+lists.start()
    table = js[allowed+len('allowedStyles:'):js.index('}}', allowed)+2]
    p = browser.new_page()
    res = p.evaluate(f'() => {{{js[lists.start():defined]};return Object.fromEntries(Object.entries(({table})["*"]).map(([k,v]) => [k, v.map(o => o.source)]))}}')
    p.close()
    return res

WEBVIEW = "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src https: http: data:; font-src https:; connect-src https:; child-src https: data:"

@pytest.mark.parametrize('name', ['surprise','neurons','loss_by'])
def test_in_a_webview_as_in_vs_code(name, browser):
    "A sandboxed frame with an origin of its own and VS Code's content policy, the view put in as innerHTML: the frame takes over, nothing is asked of the network"
    tm = trained(n_hid=9)
    view = dict(surprise=lambda: tm.surprise(said[:400]), neurons=lambda: tm.neurons(said[:300]), loss_by=lambda: tm.loss_by(said))[name]()
    p,seen,asked = browser.new_page(viewport=dict(width=700, height=900)),[],[]
    p.on('pageerror', lambda e: seen.append(str(e)))
    p.on('console', lambda m: 'both allow-scripts and allow-same-origin' in m.text or seen.append(m.text))     # what is said of every webview
    p.on('request', lambda r: asked.append(r.url))
    host = f'<meta http-equiv="Content-Security-Policy" content="{WEBVIEW}"><body><div id="out"></div>'
    p.set_content(f'<iframe sandbox="allow-scripts allow-same-origin allow-forms allow-pointer-lock allow-downloads" style="width:100%;height:800px;border:0" srcdoc="{html.escape(host)}"></iframe>')
    p.frame_locator('iframe').locator('#out').wait_for(state='attached')
    p.frames[1].evaluate("s => { document.querySelector('#out').innerHTML = s }", view._repr_html_())
    p.frames[1].wait_for_function("document.querySelector('iframe').offsetHeight>40")
    if name!='loss_by': assert p.frames[2].locator('[data-tip]').count()>=300
    if name=='neurons': p.frames[2].wait_for_selector('select')
    assert not seen and not [o for o in asked if not o.startswith(('about:','data:'))], (seen, asked)
    p.close()

def test_styles_survive_where_nothing_is_trusted(browser):
    "The plain part of a view keeps its layout in an untrusted notebook: each inline style passes JupyterLab's sanitiser"
    ok    = sanitiser(browser)
    keeps = lambda k,v: any(re.match(o, v, re.I) for o in ok.get(k, []))
    assert keeps('color', '#111111') and not keeps('color', 'inherit') and not keeps('text-indent', '-3ch')
    m,lost = trained(),set()
    found = Diagnosis([Finding('lr_high', 'a loss', 'too long', 'learn.lr = 0.004', o) for o in ('broken','slow','remark')], passed=['check_codes'])
    texts = m.surprise(said),m.neurons(said),m.looks_back(said[:40]),m.compare(n=20),m.steer('h1[2]', 1., n=20),m.memorised(said[:90], said)
    for v in (*texts, m.loss_by(said), m.gates(said), m.memory(said*8, upto=4, places=10), found):
        plain = re.sub(r'srcdoc="[^"]*"', '', v._repr_html_())
        for style in re.findall(r'style="([^"]*)"', plain):
            lost |= {o for o in style.split(';') if o and not keeps(*map(str.strip, o.split(':', 1)))}
    assert not lost

def test_a_diagnosis_fits_a_narrow_notebook(browser):
    "At 230 pixels, which JupyterLab leaves of 390, long lines of code are broken within, with letters a sixth wider than here, too"
    fix = 'learn = char_learner(CharDataLoaders.from_corpus(corpus, bs=16, seq_len=32), load_trained(path_of_the_model))'
    c = browser.new_context(java_script_enabled=False, viewport=dict(width=230, height=600))
    p = c.new_page()
    p.set_content('<style>code{letter-spacing:1.3px}</style><body style="margin:0">'+Diagnosis([Finding('vocab_order', '63 of 65 characters differ', 'other codes', fix)])._repr_html_())
    assert p.locator('code').inner_text()==fix                                    # copied as it is written
    assert p.locator('table').bounding_box()['width']<=230
    c.close()

def test_a_table_says_that_it_goes_on(browser):
    "At 390 pixels a wide table has a shadow at its right edge, which its end covers, in light and in dark"
    from charrnn_fa.look.render import table_html
    row = ['a long name of something']*8
    for scheme in ('light','dark'):
        p = browser.new_page(viewport=dict(width=390, height=400), color_scheme=scheme)
        p.set_content(View(table_html(row, [row]), 'Wide').page())
        p.wait_for_timeout(300)
        edge = lambda: page_pixel(p, 390-18, 60)
        inner = p.frames[1].locator('[style*="overflow-x"]')
        inside,before = page_pixel(p, 200, 75),edge()
        inner.evaluate('e => { e.scrollLeft = e.scrollWidth }')
        p.wait_for_timeout(100)
        after = edge()
        assert abs(before-inside)>15 and abs(after-inside)<6, (scheme, inside, before, after)
        p.close()

def page_pixel(p, x, y):
    "How bright a pixel of a page is"
    from PIL import Image
    import io
    return sum(Image.open(io.BytesIO(p.screenshot())).convert('RGB').getpixel((x,y)))/3

# While it learns
def fit(cbs, steps=22, n=None, **kw):
    torch.manual_seed(0)
    dls   = CharDataLoaders.from_text(said*4, bs=4, seq_len=16)
    learn = char_learner(dls, 'lstm', n_hid=12, dropout=0.3, precision='fp32')
    with learn.no_bar(), learn.no_logging(): learn.fit_steps(steps, cbs=cbs)
    return learn

def test_watching_leaves_no_trace():
    a = fit([])
    ra = torch.get_rng_state()
    shows = ShowSamples(n=20)
    b = fit([shows, ShowLoss()])
    assert torch.equal(ra, torch.get_rng_state()) and [o['step'] for o in shows.samples]==[10,20]
    for x,y in zip(a.model.parameters(), b.model.parameters()): assert torch.equal(x, y)
    assert [float(o) for o in a.recorder.losses]==[float(o) for o in b.recorder.losses]

def test_samples_survive_a_resume(tmp_path):
    from fastai.callback.core import CancelFitException
    class StopAt(Callback):
        def after_batch(self):
            if self.train_iter==13: raise CancelFitException()
    whole = ShowSamples(n=20)
    fit([whole])
    fit([Resume(tmp_path/'r', every=1), ShowSamples(n=20), StopAt()])
    # what was stopped at step 13 is marked as finished by a cancelled fit, so go on from the last checkpoint within the epoch
    for o in (tmp_path/'r').glob('ck-*.2-*'): o.unlink()
    again = ShowSamples(n=20)
    fit([Resume(tmp_path/'r', every=1), again])
    assert again.samples==whole.samples

class WaitForEach(Callback):
    "A checkpoint that still waits to be written when the next is due gives way to it: here none does"
    order = 300
    def after_batch(self): self.learn.resume.writer.drain()

@pytest.fixture(scope='module')
def kept(tmp_path_factory):
    "A run with all its checkpoints, the samples that were shown, and the weights after each tenth step"
    d,shows,weights = tmp_path_factory.mktemp('run'),ShowSamples(n=20),{}
    class Note(WaitForEach):
        def before_train(self): weights[0] = copy_model(self.model).eval()
        def after_batch(self):
            if self.train_iter%10==0: weights[self.train_iter] = copy_model(self.model).eval()
            super().after_batch()
    learn = fit([Resume(d, every=10, keep=9), shows, Note()])
    return d,shows,{**weights, 22:learn.model.eval()},learn

def test_all_checkpoints_of_a_run_side_by_side(kept):
    d,_,weights,learn = kept
    texts = compare_run(d, temperatures=(0.5,), prompt='she', n=30, seed=4).texts
    assert list(texts)==[f'step {i}, temperature 0.5' for i in sorted(weights)] and len({*texts.values()})>1
    for i,m in weights.items(): assert texts[f'step {i}, temperature 0.5']==str(sample_text(m, learn.vocab, 'she', 30, temperature=0.5, seed=4))

def test_checkpoints_of_a_module_of_ones_own(tmp_path):
    dls = CharDataLoaders.from_text(said*4, bs=4, seq_len=16)
    learn,given = CharLearner(dls, Cells(len(dls.vocab))),Cells(len(dls.vocab))
    was = {k:v.clone() for k,v in given.state_dict().items()}
    with learn.no_bar(), learn.no_logging(): learn.fit_steps(22, lr=0.01, cbs=[Resume(tmp_path, every=10, keep=9), WaitForEach()])
    tms = run_models(tmp_path, given)
    assert list(tms)==['step 0','step 10','step 20','step 22'] and all(torch.equal(v, was[k]) for k,v in given.state_dict().items())
    assert not torch.equal(tms['step 10'].model.head.weight, tms['step 22'].model.head.weight)
    assert torch.equal(tms['step 22'].model.head.weight, learn.model.head.weight)

def test_samples_are_read_back_from_a_run(kept, tmp_path):
    d,shows,*_ = kept
    v = run_samples(d)
    assert v.rows==shows.samples and all(shown(c) in v.html for o in shows.samples for c in o['text'] if c.isalpha()) and 'step 20' in str(v)
    with pytest.raises(ValueError, match='no sound checkpoint'): run_samples(tmp_path/'none')
    with pytest.raises(ValueError, match='no sound checkpoint'): compare_run(tmp_path/'none')
    fit([Resume(tmp_path/'bare')])
    with pytest.raises(ValueError, match='has no samples'): run_samples(tmp_path/'bare')

def test_a_damaged_checkpoint_is_left_out(kept, tmp_path, capsys):
    for o in kept[0].glob('ck-*'): (tmp_path/o.name).write_bytes(o.read_bytes()[:-1 if '10.0' in o.name else None])
    assert list(run_models(tmp_path))==['step 0','step 20','step 22'] and 'is left out' in capsys.readouterr().out

def test_the_axis_is_planned_steps():
    cb = ShowLoss()
    learn = fit([cb], steps=22)
    assert cb.curve.planned==22 and len(cb.curve.losses)==22 and cb.curve.valid[-1][0]==22

@pytest.mark.parametrize('notebook', [False,True])
def test_the_curve_of_a_run_that_is_over_already(notebook, tmp_path, monkeypatch):
    "The same cell once more: nothing is trained, and the curve is that of the run"
    monkeypatch.setattr('charrnn_fa.look.samples.in_notebook', lambda: notebook)
    cbs = ShowLoss(),ShowLoss()
    for o in cbs: fit([Resume(tmp_path/'r'), ShowSamples(n=20, show=False), o])
    for o in cbs: assert o.curve.planned==22==len(o.curve.losses)
    assert (cbs[0].curve.losses==cbs[1].curve.losses).all()

def test_the_axis_counts_the_passes_that_share_a_row():
    "A short text: several passes over it are one row of the table"
    dls   = CharDataLoaders.from_text('she sells sea shells by the sea shore. '*30, bs=4, seq_len=32)
    learn = char_learner(dls, 'gru', n_hid=12, precision='fp32')
    cb = ShowLoss()
    with learn.no_bar(), learn.no_logging(): learn.fit_steps(300, cbs=cb)
    assert learn.passes>1 and cb.curve.planned==300==len(cb.curve.losses)

def test_memory_claims_nothing_from_a_handful_of_places():
    tm = trained('gru')
    for s,n in (('she s',3),(said[:60],44),(said,99)):
        v = tm.memory(s, upto=16 if n>3 else 2, places=99)
        assert f'{n} places: too few places to tell how far back it looks' in str(v) and 'all that it uses' not in str(v)
    assert 'all that it uses' in str(tm.memory(said, upto=16, places=100))

MARKS = '\u0e31', '\u0e34', '\u0941', '\ufe0f', '\u20dd', '\u0301', '\u3099'       # of combining class 0, of Japan's width, and others

def test_marks_above_and_below_take_no_column():
    "Shown alone they stand on a circle, which takes one; a mark beside a letter takes its own"
    assert [columns(o) for o in MARKS]==[1]*len(MARKS) and (columns('\u093e'), columns('猫'), columns('a'))==(2,2,1)
    for o in MARKS: assert terminal_text(f'{o}ab', [0,0,7], colour=False)==f'◌{o}ab\n  8'

def test_a_table_of_wide_characters_stands_straight():
    "Each row is as wide as the others, counted as a terminal does"
    def _wide(s): return sum(0 if unicodedata.category(c) in ('Mn','Me') else 1+(unicodedata.east_asian_width(c) in 'WF') for c in s)
    rows = [['猫','1.0'], ['กั','12.5'], ['abcd','3.25'], ['हि','10']]
    lines = table_text(['name','bits'], rows).split('\n')
    assert len({_wide(o) for o in lines})==1 and lines[3]=='abcd  3.25' and lines[1]=='猫     1.0'

def test_titles_of_all_kinds(tmp_path, capsys):
    "A dollar is a dollar; what would steer a terminal is shown, and so is half a character"
    for t in ('cost $x^$', 'a $5', r'\$a_$ $', '\x1b[31m\ud800'):
        v = View('x', title=t, text='y', draw=lambda ax: ax.plot([1,2]))
        assert v.save(tmp_path/'m.png').stat().st_size>1000
        v.save(tmp_path/'m.svg')
    v = View('x', title='a\x1b[31m\ud800', text='y')
    print(v)
    assert str(v)==v.save(tmp_path/'m.txt').read_text(encoding='utf-8').rstrip('\n')=='a␛[31m⟨D800⟩\ny'==capsys.readouterr().out.rstrip('\n')
    assert str(View('x', text='y'))=='y'
