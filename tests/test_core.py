"The main road, end to end; also run against the fastai that Colab ships"
import math,random
import numpy as np, pytest, torch
import torch.nn.functional as F
from fastai.data.all import DataBlock,IndexSplitter
from fastai.basics import set_seed
from charrnn_fa.everything import *

words = 'to be or not that is the question whether tis nobler in mind suffer slings and arrows of outrageous fortune'.split()
text  = ' '.join(random.Random(0).choices(words, k=4000))

@pytest.fixture
def dls(): return CharDataLoaders.from_text(text, bs=8, seq_len=16, device='cpu')

def quiet(learn, n=60, **kw):
    with learn.no_bar(), learn.no_logging(): learn.fit_steps(n, **kw)
    return learn

@pytest.mark.parametrize('arch', ['rnn','gru','lstm','mingru'])
def test_learns(dls, arch):
    set_seed(0)
    learn = quiet(char_learner(dls, arch, n_hid=64, precision='fp32'), 200, lr=1e-2)
    assert learn.evaluate().nats<1.6<math.log(len(dls.vocab))

@pytest.mark.parametrize('kw', [dict(n_layers=2, dropout=0.1), dict(weight_drop=0.2), dict(tie=True, n_emb=32),
    dict(n_emb=0), dict(learn_init=True), dict(emb_drop=0.1)])
@pytest.mark.parametrize('arch', ['lstm','gru'])
def test_options_train(dls, arch, kw):
    learn = char_learner(dls, arch, n_hid=32, precision='fp32', **kw)
    first = learn.evaluate().nats
    assert quiet(learn, 40, lr=1e-2).evaluate().nats<first

def test_bf16_trains(dls):
    if not torch.ops.mkldnn._is_mkldnn_bf16_supported(): pytest.skip('this processor has no bf16')
    learn = char_learner(dls, 'lstm', n_hid=32, precision='bf16')
    first = learn.evaluate().nats
    assert quiet(learn, 40, lr=1e-2).evaluate().nats<first-0.3

def test_state_is_carried(dls):
    "The same window gives other logits after another past"
    learn = char_learner(dls, 'lstm', n_hid=32, precision='fp32')
    x,x2 = (o[0] for o in list(dls.train)[:2])
    m = learn.model.eval()
    with torch.no_grad():
        cold = m(x2)
        m.reset()
        m(x)
        assert not torch.allclose(m(x2), cold)

@pytest.mark.parametrize('arch', ['lstm','mingru'])
def test_evaluate_is_one_pass(dls, arch):
    learn = quiet(char_learner(dls, arch, n_hid=48, precision='fp32'))
    long  = ' '.join(random.Random(2).choices(words, k=2000))
    codes = torch.from_numpy(learn.vocab.encode(long).astype(np.int64))
    m = learn.model.double().eval()
    m.reset()
    with torch.no_grad(): want = F.cross_entropy(m(codes[None,:-1])[0].double(), codes[1:]).item()
    m.float().reset()
    assert abs(learn.evaluate(long).nats-want)<1e-5
    assert learn.evaluate(long).n==len(long)-1

def test_evaluate_ignores_batch_size(dls):
    learn = quiet(char_learner(dls, 'gru', n_hid=32, precision='fp32'))
    want  = learn.evaluate().nats
    for bs in (1,3,8,20): assert learn.evaluate(dls.valid.new(bs=bs)).nats==want

def test_model_file(dls, tmp_path):
    learn = quiet(char_learner(dls, 'lstm', n_hid=32, weight_drop=0.1, precision='fp32'))
    tm = load_trained(learn.save_trained(tmp_path/'m.safetensors'))
    assert tm.sample('to be', 50, seed=0)==learn.sample('to be', 50, seed=0)
    assert tm.evaluate(dls.valid.codes).nats==learn.evaluate().nats

def test_fastai_verbs(dls):
    learn = quiet(char_learner(dls, 'lstm', n_hid=32, precision='fp32'))
    with learn.no_bar():
        preds,targs = learn.get_preds()
        assert preds.shape==(*targs.shape, len(dls.vocab))
        assert np.isclose(learn.validate()[0], F.nll_loss(preds.log().flatten(0,1), targs.flatten()).item(), atol=1e-4)
        learn.lr_find(show_plot=False, num_it=20)
    assert 'CharRNN' in learn.summary()
    learn.show_results(max_n=1)
    dls.show_batch(max_n=1)
    learn.recorder.plot_loss()

def test_datablock():
    dls = DataBlock(blocks=CharBlock(seq_len=8), get_items=get_stream, splitter=PositionSplitter(0.1)).dataloaders(text, bs=4)
    assert dls.one_batch()[0].shape==(4,8) and len(dls.vocab)==len(set(text))
    docs = DataBlock(blocks=CharBlock(seq_len=8), splitter=IndexSplitter([1])).dataloaders([text[:500],text[500:900]], bs=2)
    assert len(docs.valid.codes)==400

def test_mistakes_say_numbers(dls):
    for bad,why in [(dict(text='', bs=1), '0 characters'), (dict(text='abc', bs=64), 'too few'), (dict(text='a'*9999), '1 distinct'), (dict(text=text, seq_len=0), 'seq_len=0')]:
        with pytest.raises(ValueError, match=why): CharDataLoaders.from_text(**bad)
    learn = char_learner(dls, 'rnn', n_hid=16, precision='fp32')
    with pytest.raises(ValueError, match='U\\+2603'): learn.sample('\u2603')
    with pytest.raises(ValueError, match='n_steps=0'): learn.fit_steps(0)
