"A cell with counts beside it trains, evaluates, samples, is kept and resumes like any other model"
import numpy as np, pytest, torch, torch.nn.functional as F
from fastai.basics import first
from charrnn_fa.everything import *
from resume_child import Break, digest, fit, text, set_seed

def loaders(**kw): return CharDataLoaders.from_text(text, **dict(dict(bs=4, seq_len=16, device='cpu'), **kw))
def make(counts=5, **kw):
    set_seed(1)
    return char_learner(loaders(**kw), 'lstm', n_hid=24, n_emb=8, counts=counts, precision='fp32')

@pytest.fixture(scope='module')
def whole():
    learn = make()
    fit(learn)
    return learn

def test_resumes_bit_for_bit(whole, tmp_path):
    with pytest.raises(RuntimeError, match='broken off'): fit(make(), [Resume(tmp_path, every=10), Break(60)])
    learn = make()
    fit(learn, [Resume(tmp_path, every=10)])
    assert digest(learn)==digest(whole)
    assert torch.equal(learn.model.weight, whole.model.weight)

def test_counts_belong_to_the_run(tmp_path):
    with pytest.raises(RuntimeError, match='broken off'): fit(make(), [Resume(tmp_path, every=10), Break(60)])
    for counts,told in ((None,'none'),(4,'4')):
        with pytest.raises(ValueError, match=f'counts 5 in the run and {told} here'): fit(make(counts), [Resume(tmp_path, every=10)])

def test_kept_and_read(whole, tmp_path):
    whole.save_trained(tmp_path/'m.safetensors')
    tm = load_trained(tmp_path/'m.safetensors')
    assert 'lstm of 1 x 24 beside counts of order 5' in repr(tm)
    assert tm.sample('she', 60, seed=1)==whole.sample('she', 60, seed=1)
    a,b = tm.evaluate(whole.dls.valid.codes),whole.evaluate()
    assert a.nats==b.nats and a.cell_nats==b.cell_nats

def test_a_file_that_claims_more_than_it_has(whole):
    ts = {}
    js = pack(model_state(whole), ts)
    js['config']['tables'][2][0] = 10**12
    with pytest.raises(CheckpointError, match='damaged'): trained_model(from_bytes(to_bytes(js, ts)))

def test_evaluates_the_whole_and_the_cell(whole):
    "The mean of the probabilities, worked out by hand from the two sides"
    m,codes = whole.model,np.asarray(whole.dls.valid.codes).astype(np.int64)
    x,w = torch.from_numpy(codes)[None],float(m.weight)
    with reading(m.cell): p = m.cell(x)[0,:-1].softmax(-1).gather(1, x[0,1:,None])[:,0].double().numpy()
    q  = count_probs(m.counts, codes)[1:]
    ev = whole.evaluate()
    assert ev.cell_nats==pytest.approx(-np.log(p).mean(), abs=1e-4)
    assert ev.nats==pytest.approx(-np.log(w*p+(1-w)*q).mean(), abs=1e-4)
    assert 'the cell alone' in repr(ev) and 'cell_nats' not in make(None).evaluate()

def test_valid_loss_is_of_the_whole(whole):
    with whole.no_bar(), whole.no_logging(): loss = whole.validate()[0]
    with reading(whole.model): ls = [F.cross_entropy(whole.model(x).flatten(0,1), y.flatten()) for x,y in whole.dls.valid]
    assert loss==pytest.approx(torch.stack(ls).mean().item(), abs=1e-4)

def test_weight_is_chosen_on_text_that_neither_side_has_seen():
    dls = loaders()
    learn = char_learner(dls, 'lstm', n_hid=24, counts=5, precision='fp32')
    cb,codes = first(o for o in learn.cbs if isinstance(o,WeighCounts)),np.asarray(dls.train.codes)
    keep,pos = held_back(dls.train)
    read = torch.cat([y for _,y in learn.dls.train], 1).numpy()             # every target of an epoch
    rows = [codes[o[0]-read.shape[1]:o[0]] for o in pos]
    assert learn.dls.train.n_win==keep==dls.train.n_win-1 and pos.shape==(4,16)
    np.testing.assert_array_equal(read, np.stack(rows))                     # what is read ends where what is held back begins
    np.testing.assert_array_equal(cb.xy[:,cb.warm+1:], codes[pos])
    rest = Counts.from_codes(np.delete(codes, pos.ravel()), len(dls.vocab), 5)
    np.testing.assert_allclose(cb.q, [count_probs(rest, codes[:o[-1]+1])[-16:] for o in pos], rtol=1e-5)

@pytest.mark.parametrize('n,least,most', [(20_000,200,600), (250_000,3_500,7_000), (1_000_000,4_000,7_000), (4_000_000,18_000,23_000)])
def test_as_much_is_held_back_as_one_weight_needs(n, least, most):
    "A hundredth of Shakespeare is missed more than a better weight helps; all that is not held back is read"
    dls = CharDataLoaders.from_text(''.join(np.random.default_rng(0).choice(list('abcdefgh'), n)), bs=16, seq_len=32, split=0.01, device='cpu')
    less,_,cb = with_counts(dls, CharRNN(8, n_hid=4), 2)
    assert least<=cb.q.size<=most
    assert less.train.n_win*16*32+cb.q.size>len(dls.train.codes)-16*32-17

def test_weight_is_the_best_on_that_text(whole):
    cb = first(o for o in whole.cbs if isinstance(o,WeighCounts))
    p,q,w = cb.cell_probs(whole.model.cell).ravel(),cb.q.ravel(),float(whole.model.weight)
    loss = lambda w: -np.log(w*p+(1-w)*q).mean()
    assert loss(w)<=min(map(loss, np.linspace(0.001, 0.999, 99)))+1e-6

def test_loaders_stay_as_they_are():
    dls = loaders()
    n = len(dls.train)
    learn = char_learner(dls, 'lstm', n_hid=8, counts=3)
    assert len(dls.train)==n and len(learn.dls.train)<n and learn.dls.valid is dls.valid

def test_refuses():
    with pytest.raises(ValueError, match='needs a CharRNN'): char_learner(loaders(), torch.nn.Linear(2, 2), counts=3)
    with pytest.raises(ValueError, match='too few to hold'): char_learner(loaders(bs=8, seq_len=300), 'lstm', counts=3)

def test_seed_and_rows(whole):
    "Same seed, same text; a text drawn beside others is a sound one"
    assert whole.sample('she', 80, seed=4)==whole.sample('she', 80, seed=4)
    assert len(set(whole.sample('she', 80, seed=4, batch=3)))>1
    m = whole.model
    m.reset()
    before = m.get_state()
    whole.sample('she', 20)
    assert m.get_state()==before
