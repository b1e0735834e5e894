"Windows cover the text, for any length, size and number of processes"
from pathlib import Path
import numpy as np, pandas as pd, pytest, torch
from fastai.data.all import CategoryBlock,ColReader,DataBlock,IndexSplitter,Transform
from hypothesis import example,given,settings,strategies as st
from charrnn_fa.everything import *

vocab = CharVocab([chr(97+i) for i in range(26)])

def loader(n, **kw):
    "A loader over `n` characters whose codes are their positions modulo 26"
    s = CharStream((np.arange(n)%26).astype(np.uint8), vocab)
    return CharDataLoaders.from_corpus(s, split=0.1, device='cpu', **kw).train

@settings(max_examples=60, deadline=None)
@given(st.integers(0,5000), st.integers(1,9), st.integers(1,30), st.integers(1,4))
@example(0, 9, 25, 4)
def test_every_character_but_a_window(more, bs, seq_len, world):
    need = bs*seq_len*world+1                              # of the training part, nine tenths of the text
    dl = loader(max(100, need*10//9+2)+more, bs=bs, seq_len=seq_len)
    total = len(dl.codes)
    parts = [dl.new(rank=r, world=world, strict=True) for r in range(world)]
    assert len({len(o) for o in parts})==1
    rows = []
    for o in parts:
        xs,ys = zip(*o)
        assert {x.shape for x in xs}=={(bs,seq_len)} and xs[0].dtype==torch.int64
        x,y = torch.cat(xs,1),torch.cat(ys,1)
        assert ((x+1)%26==y).all()
        rows += list(x)
    seen = torch.cat(rows)
    assert (seen==torch.arange(len(seen))%26).all() and total-len(seen)<=world*bs*seq_len

@settings(max_examples=30, deadline=None)
@given(st.integers(0,20), st.integers(0,3))
def test_position_is_exact(k, epochs):
    a,b = (loader(2000, bs=4, seq_len=20) for _ in range(2))
    for _ in range(epochs): list(a)
    it,k = iter(a),min(k, len(a)-1)
    for _ in range(k): next(it)
    b.load_state_dict(a.state_dict())
    want,got = list(it),list(b)
    assert len(want)==len(got)==len(a)-k and all((x==u).all() and (y==v).all() for (x,y),(u,v) in zip(want,got))
    assert a.state_dict()==b.state_dict()

def test_other_layout_is_refused():
    with pytest.raises(ValueError, match='bs=4'): loader(2000, bs=5, seq_len=20).load_state_dict(loader(2000, bs=4, seq_len=20).state_dict())

@pytest.mark.parametrize('split,n', [('nanogpt',2), ('torch-rnn',3), ('char-rnn',2), (0.2,2), ((0.1,0.2),3)])
def test_splits_are_disjoint_and_whole(split, n):
    parts = PositionSplitter(split)(range(200_000))
    ids = [i for o in parts for i in o]
    assert len(parts)==n and len(ids)==len(set(ids))==200_000

def test_same_block_for_two_texts():
    block = DataBlock(blocks=CharBlock(seq_len=8), get_items=get_stream, splitter=PositionSplitter(0.1))
    a,b = (block.dataloaders(t*300, bs=4) for t in ('first text\n','second one\n'))
    assert a.vocab.decode(a.one_batch()[0][0])=='first te' and b.vocab.decode(b.one_batch()[0][0])=='second o'
    assert a.test_dl(['text']).vocab is a.vocab

def test_documents_in_a_folder(tmp_path):
    for i in range(3): (tmp_path/f'{i}.txt').write_text(f'document {i} '*50)
    dls = CharDataLoaders.from_folder(tmp_path, bs=2, seq_len=16, sep='|', split=0.3)
    assert dls.vocab.decode(dls.train.codes).count('|')+dls.vocab.decode(dls.valid.codes).count('|')==2
    with pytest.raises(ValueError, match='0 of 3'): CharDataLoaders.from_folder(tmp_path, glob='*.md')
    with pytest.raises(FileNotFoundError): CharDataLoaders.from_file(tmp_path/'none.txt')

@pytest.mark.parametrize('start', [0, 1, 7, 8, 20])
@pytest.mark.parametrize('world', [1, 3])
def test_a_large_text_in_pieces(start, world, tmp_path, monkeypatch):
    "Windows that are fetched some at a time from a file are those of the whole text in memory, from any position on"
    codes = np.random.default_rng(0).integers(0, 200, 5000).astype(np.uint8)
    np.save(tmp_path/'codes.npy', codes)
    vocab = CharVocab.from_text(''.join(map(chr, range(40, 240))))
    get = lambda c: CharDataLoaders.from_corpus(CharStream(c, vocab), bs=3, seq_len=16, device='cpu').train.new(rank=world-1, world=world)
    whole,mapped = get(codes),get(np.load(tmp_path/'codes.npy', mmap_mode='r'))
    usual = CharStreamDL._windows_at_once
    monkeypatch.setattr(CharStreamDL, '_windows_at_once', lambda self: usual(self) if self is whole else usual(self, whole=0, piece=3*16*7))
    whole.pos = mapped.pos = start
    a,b = list(whole),list(mapped)
    assert len(a)==len(b)==len(whole)-start and mapped._rows is None
    for (x,y),(v,w) in zip(a, b): assert torch.equal(x, v) and torch.equal(y, w)

def test_evaluation_reads_a_mapped_text_as_it_is(tmp_path):
    "The figures of codes in a file are those of the same codes as 64-bit numbers"
    codes = np.random.default_rng(1).integers(0, 20, 9000).astype(np.uint8)
    np.save(tmp_path/'codes.npy', codes)
    model = CharRNN(20, 'gru', n_hid=16)
    a,b = (evaluate_codes(model, o, warm=64) for o in (np.load(tmp_path/'codes.npy', mmap_mode='r'), torch.from_numpy(codes.astype(np.int64))))
    assert a==b and a.n==8999

def test_a_short_text_shrinks_the_defaults_and_says_so(capsys):
    text = 'the cat sat on the mat.\n'
    for n in (2, 10, 100):
        dls = CharDataLoaders.from_text(text*n, split=0.1, device='cpu')
        assert len(dls.train)>=4 and dls.train.bs<=16 and dls.train.seq_len<=32
        assert ('The text is short' in capsys.readouterr().out)==((dls.train.bs,dls.train.seq_len)!=(16,32))
    with pytest.raises(ValueError, match='too few for one window of 16 rows x 32'): CharDataLoaders.from_text(text*10, bs=16, seq_len=32, device='cpu')
    with pytest.raises(ValueError, match='too few for one window of 20 rows x 32'): CharDataLoaders.from_text(text*20, bs=20, device='cpu')

def test_the_command_has_the_defaults_of_the_api():
    import inspect
    from charrnn_fa import cli
    api = inspect.signature(CharDataLoaders.from_corpus).parameters
    for k in ('bs','seq_len','split'): assert inspect.signature(cli.train).parameters[k].default==api[k].default, k
    assert default_shape('cpu')==(16,32)

def test_a_batch_is_shown_so_that_the_shift_can_be_seen(capsys, monkeypatch):
    import charrnn_fa.data as d
    dls = CharDataLoaders.from_text('a b\tc\n<d>'*30, bs=2, seq_len=9, device='cpu')
    dls.show_batch(max_n=1)
    x,y = (o[3:] for o in capsys.readouterr().out.splitlines())
    assert x=='a·b⇥c⏎<d>' and y[:-1]==x[1:]
    monkeypatch.setattr(d, 'in_notebook', lambda: True)
    monkeypatch.setattr('IPython.display.display', lambda o: print(o.data))
    dls.show_batch(max_n=1)
    out = capsys.readouterr().out
    assert 'monospace' in out and out.count('text-align:left')==4 and 'a·b⇥c⏎&lt;d&gt;' in out

def blocked(source, block=None, **kw):
    "The first batch and the vocabulary of a `DataBlock`"
    dls = DataBlock(blocks=block or CharBlock(), splitter=IndexSplitter([0]), **kw).dataloaders(source, bs=4, seq_len=16, device='cpu')
    x,_ = dls.one_batch()
    return dls.vocab.decode(x[0]),''.join(dls.vocab.itos)

def test_items_that_become_texts(tmp_path):
    "What `get_x` makes of a file, of a row of a table or of a text is what is read"
    docs = [f'{i} she sells sea shells by the sea shore\n'*8 for i in range(3)]
    want = blocked(docs)
    for i,o in enumerate(docs): (tmp_path/f'{i}.txt').write_text(o)
    files = lambda folder: sorted(Path(folder).glob('*.txt'))
    assert blocked(tmp_path, get_items=files, get_x=lambda p: p.read_text())==want
    assert blocked(pd.DataFrame(dict(n=[1,2,3], text=docs)), get_x=ColReader('text'))==want
    assert blocked(docs, get_x=str.upper)==tuple(o.upper() if i==0 else ''.join(sorted(o.upper())) for i,o in enumerate(want))
    with pytest.raises(TypeError, match='PosixPath, not a text: give the `DataBlock` a `get_x`'): blocked(tmp_path, get_items=files)

def test_what_would_never_run_is_refused():
    docs = ['she sells sea shells\n'*20]*3
    class Own(Transform):
        def encodes(self, o): return o
    with pytest.raises(ValueError, match='item_tfms=.* would never run'): blocked(docs, item_tfms=[Own()])
    with pytest.raises(ValueError, match='2 blocks'): blocked(docs, (CharBlock(),CategoryBlock()), get_y=lambda o: o[:1])

def test_characters_that_unk_stands_for_are_said(capsys):
    vocab = CharVocab(set('she slb\n'), unk='?')
    CharDataLoaders.from_text('she sells a sea bell\n'*50, vocab=vocab, bs=4, seq_len=16)
    assert "'a' is read as '?'" in capsys.readouterr().out
    CharDataLoaders.from_text('she sells bells\n'*50, vocab=vocab, bs=4, seq_len=16)
    assert 'vocabulary' not in capsys.readouterr().out
def test_what_cannot_be_seen_is_shown(capsys, monkeypatch):
    "A control character does nothing to the terminal, a mark of direction does not turn the line, half a character is printed; what has a shape stays"
    import charrnn_fa.data as d
    odd,want = 'a\0\x1b[31mb\x07\b\bc\x85\u202e\ud83d e\u0301\n','a␀␛[31mb␇␈␈c⟨85⟩⟨202E⟩⟨D83D⟩·e\u0301⏎'
    dls = CharDataLoaders.from_text(odd*200, bs=2, seq_len=2*len(odd), device='cpu')
    learn = char_learner(dls, 'gru', n_hid=8, precision='fp32')
    for show in (lambda: dls.show_batch(max_n=1), lambda: learn.show_results(max_n=1)):
        for notebook in (False,True):
            monkeypatch.setattr(d, 'in_notebook', lambda: notebook)
            monkeypatch.setattr('IPython.display.display', lambda o: print(o.data))
            with learn.no_bar(): show()
            out = capsys.readouterr().out
            out.encode()
            assert want in out and not {c for c in out if not c.isprintable()}-{'\n'}
    text = dls.show_batch(max_n=1, show=False)[2][0][0]
    assert odd in text                                                     # what is returned is the text itself
    sent = []
    class Writer:
        def add_text(self, name, text, step): sent.append(text)
    x,y,_ = dls.show_batch(show=False)
    d.tensorboard_log(x, y, [(odd,odd)], [(odd,)], Writer(), 1)
    sent[0].encode()
    assert want.replace('·',' ') in sent[0]
