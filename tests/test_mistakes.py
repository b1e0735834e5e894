"What a newcomer gets wrong, in a notebook and in a shell, and what is said to it"
import copy,json,os,pickle,re,shlex,shutil,signal,tarfile,tempfile,traceback
from pathlib import Path
import numpy as np, pytest
from fastai.data.core import DataLoader,DataLoaders
from charrnn_fa.everything import *
from test_cli import in_process

text = 'she sells sea shells by the sea shore.\n'*200
dls  = CharDataLoaders.from_text(text, bs=4, seq_len=16, device='cpu')
def held(): return TrainedModel(fresh().model, dls.vocab, dict(config=None, corpus='a test', split='nanogpt'))
def plain(): return DataLoaders(DataLoader(list(range(9)), bs=3), DataLoader(list(range(9)), bs=3))
def fresh(): return char_learner(dls, 'rnn', n_hid=8, precision='fp32')
small_run = 'train t.txt --run r --epochs 2 --n-hid 8 --bs 4 --seq-len 16 --precision fp32'

misspelt = [('char_learner', lambda: char_learner(dls, n_hdi=3), 'n_hid'), ('char_learner', lambda: char_learner(dls, batch_size=3), None),
    ('char_learner', lambda: char_learner(dls, learning_rate=.1), 'lr'), ('char_learner', lambda: char_learner(dls, hidden_size=8), 'n_hid'),
    ('fit_minutes', lambda: fresh().fit_minutes(minuts=2), 'minutes'), ('fit_minutes', lambda: fresh().fit_minutes(2, cb=[]), 'cbs'),
    ('fit_minutes', lambda: fresh().fit_minutes(2, div_finale=3), 'div_final'), ('fit_steps', lambda: fresh().fit_steps(nsteps=2), 'n_steps'),
    ('fit_steps', lambda: fresh().fit_steps(2, pct_strat=.1), 'pct_start'), ('fit', lambda: fresh().fit(1, callbacks=[]), 'cbs'),
    ('fine_tune_minutes', lambda: fresh().fine_tune_minutes(1, heads=.1), 'head'),
    ('sample', lambda: fresh().sample(temprature=.5), 'temperature'), ('sample', lambda: fresh().sample('she', strem=True), 'stream'),
    ('sample', lambda: fresh().sample('she', max_new_tokens=9), 'n'), ('evaluate', lambda: fresh().evaluate(adpat=True), 'adapt'),
    ('from_corpus', lambda: CharDataLoaders.from_corpus(text, batch_size=3), 'bs'), ('from_corpus', lambda: CharDataLoaders.from_corpus(text, splt=.1), 'split'),
    ('from_corpus', lambda: CharDataLoaders.from_corpus(text, encodng='utf-8'), 'encoding'), ('from_text', lambda: CharDataLoaders.from_text(text, bss=3), 'bs'),
    ('from_folder', lambda: CharDataLoaders.from_folder('.', globb='*'), 'glob'), ('get_corpus', lambda: get_corpus(text, newlines='lf'), 'newline'),
    ('to_html', lambda: fresh().to_html('x.html', promt='a'), 'prompt'), ('to_folder', lambda: fresh().to_folder('x', titel='a'), 'title'),
    ('to_html', lambda: held().to_html('x.html', dtyp='int8'), 'dtype'), ('to_folder', lambda: held().to_folder('x', txet='a'), 'text'),
    ('neurons', lambda: fresh().neurons(units='h1[0]'), 'unit'), ('memory', lambda: fresh().memory(lengths=(1,2)), None), ('memorised', lambda: fresh().memorised('she', n=3), None),
    ('surprise', lambda: held().surprise(text, length=3), 'n'), ('find_neurons', lambda: fresh().find_neurons(feature={}), 'features'), ('loss_by', lambda: fresh().loss_by(bye={}), 'by'),
    ('gates', lambda: fresh().gates(txt=text), 'text'), ('looks_back', lambda: fresh().looks_back(tekst=text), 'text'), ('steer', lambda: fresh().steer('h1[0]', 1., promt='a'), 'prompt'),
    ('Resume', lambda: Resume('r', evry='5s'), 'every'), ('Resume', lambda: Resume('r', checkpoints=5), None)]

@pytest.mark.parametrize('name,f,meant', misspelt)
def test_a_misspelt_keyword_says_what_it_is_close_to(name, f, meant, capsys):
    with pytest.raises(TypeError) as e: f()
    says = str(e.value)
    assert says.startswith(f'{name} takes no '), says
    assert (f"Did you mean '{meant}'?" in says) if meant else ('it takes ' in says and ' self' not in says), says
    assert not re.search('About|measur', capsys.readouterr().out)          # before anything is measured

wrong = [(lambda: char_learner(dls, n_hid='3'), "n_hid='3' must be a whole number"), (lambda: fresh().fit_steps('x'), "n_steps='x' must be a whole number"),
    (lambda: fresh().fit_steps(3, lr=slice(-1., 1e-3)), 'above 0 and finite'), (lambda: fresh().fit_steps(3, lr=slice(1e-3, float('inf'))), 'above 0 and finite'),
    (lambda: fresh().fit_steps(3, lr=slice(None)), 'or a slice of two'), (lambda: fresh().fit_steps(3, average=1), 'average=1 would'), (lambda: fresh().fit_steps(3, average=1.5), 'average=1.5'),
    (lambda: fresh().fit_steps(2.5), 'n_steps=2.5 must be a whole number'), (lambda: fresh().fit_steps(3, lr='fast'), "lr='fast' must be a number"),
    (lambda: fresh().fine_tune_minutes('2'), "minutes='2' must be a number"), (lambda: fresh().sample(500), 'n=500'),
    (lambda: CharDataLoaders.from_corpus(text, bs='8'), "bs='8' must be a whole number"), (lambda: Resume('r', keep='3'), "keep='3' must be a whole number"),
    (lambda: Resume('r', force=['plann']), "plann.*plan"), (lambda: fresh().evaluate(7), 'no loader 7'),
    (lambda: fresh().recorder.plot_lr_find(), 'lr_find'), (lambda: fresh().recorder.plot_sched(), 'train first'),
    (lambda: fresh().recorder.plot_loss(), 'train first'), (lambda: fresh().plot_yardsticks(), 'train first'),
    (lambda: CharDataLoaders.from_text(b'she sells'), 'text is bytes'), (lambda: CharDataLoaders.from_text(['she','sells']), 'text is a list'),
    (lambda: CharDataLoaders.from_text('she sells'*99, vocab='seh l'), 'vocab is a str: leave it out'), (lambda: CharDataLoaders.from_text('she sells'*99, vocab=list('seh l')), 'vocab is a list'),
    (lambda: CharDataLoaders.from_text(None), 'text is a NoneType'), (lambda: CharDataLoaders.from_text(__file__), 'from_corpus'),
    (lambda: fresh().sample('she', temperature='0.8'), "temperature='0.8' must be a number"), (lambda: fresh().sample('she', top_k=2.5), 'top_k=2.5 must be a whole number'),
    (lambda: fresh().sample('she', top_p='0.9'), "top_p='0.9' must be a number"), (lambda: fresh().sample('she', seed='a'), "seed='a' must be a whole number"),
    (lambda: fresh().sample('she', seed=1.5), 'seed=1.5 must be a whole number'), (lambda: fresh().compare(fresh()), 'others is a CharLearner'),
    (lambda: fresh().fit(1, lr='x'), "lr='x' must be a number"), (lambda: fresh().fit(1, -.01), 'lr=-0.01 must be 0 or above'), (lambda: fresh().fit(1, float('nan')), 'lr=nan must be 0 or above'),
    (lambda: fresh().fit_one_cycle(1, -.01), 'learning rate comes to -0'), (lambda: fresh().fit_one_cycle(1, float('nan')), 'learning rate comes to nan'),
    (lambda: fresh().fine_tune(1, -.01), 'learning rate comes to -4e-05'), (lambda: fresh().fit_flat_cos(1, -.01), 'learning rate comes to -0'), (lambda: compare_run('runs/a', 'runs/b'), r"model='runs/b' is not a module; for several runs use compare_models\({'a':load_run"),
    (lambda: fresh().steer('h1[3]', float('nan')), 'value=nan must be'), (lambda: fresh().surprise(['a','b']), 'is not a text'),
    (lambda: Resume('r', same='x'), "same='x' must be a dictionary"), (lambda: Resume('r', same=[1]), r'same=\[1\] must be'), (lambda: Resume('r', info=[1]), r'info=\[1\] must be a dictionary'),
    (lambda: Resume('r', same=dict(p=Path('x'))), r'same/p.*Path'), (lambda: Resume('r', info=dict(a=dict(p=Path('x')))), r'info/a/p.*Path'),
    (lambda: Resume('r', same=dict(a=float('nan'))), "same={'a': nan}"), (lambda: Resume('r', same=dict(a=np.arange(3))), 'tolist'),
    (lambda: fresh().sample('she', batch='3'), "batch='3' must be a whole number"), (lambda: fresh().sample('she', batch=2.5), 'batch=2.5 must be a whole number'),
    (lambda: fresh().fit_steps(2, div=float('nan')), 'div=nan'), (lambda: fresh().fit_steps(2, div=-1), 'div=-1'), (lambda: fresh().fit_steps(2, div=0), 'div=0 must be above 0'),
    (lambda: fresh().fit_steps(2, div_final=0), 'div_final=0 must be above 0'), (lambda: fresh().fit_minutes(0.01, div='x'), "div='x' must be a number"),
    (lambda: fresh().steer('h1[3]', float('nan')), '^value=nan must be a number, not nan$'), (lambda: fresh().surprise(k=-1), '^k=-1 must be at least 0'), (lambda: fresh().surprise(k=1.5), 'k=1.5 must be a whole number'),
    (lambda: fresh().surprise(n=-5), '^n=-5 must be at least 0'), (lambda: fresh().surprise(text, n=1.5), 'n=1.5 must be a whole number'), (lambda: fresh().loss_by(n='9'), "n='9' must be a whole number"),
    (lambda: char_learner(plain()), 'dls has DataLoader loaders, not streams of characters.*CharDataLoaders.from_corpus'), (lambda: held().evaluate(3), 'codes=3 is neither a text nor codes'),
    (lambda: held().evaluate(__file__), 'is the name of a file'), (lambda: held().evaluate('s'), 'A text of 1 character'),
    (lambda: fresh().find_neurons(text, features={'x':lambda s: [1,2]}), "features: 'x' gives 2 numbers for [0-9,]+ characters"), (lambda: fresh().find_neurons(text, features={'x':lambda s: np.arange(500)}), "'x' gives 500 numbers"),
    (lambda: fresh().find_neurons(text, features={'x':lambda s: np.full(len(s), np.nan)}), "'x' gives nan for [0-9,]+ of [0-9,]+ characters"),
    (lambda: fresh().find_neurons(text, features={'x':lambda s: list(s)}), "'x' gives what is no number"),
    (lambda: fresh().find_neurons(text, features={'x':lambda s: 1}), "'x' gives 1, not a number for"), (lambda: fresh().find_neurons(text, features={'x':lambda s: np.ones((len(s),2))}), "'x' gives numbers of shape"),
    (lambda: fresh().loss_by(by={'x':lambda s: ['a']}), "by: 'x' gives 1 name for [0-9,]+ characters"), (lambda: fresh().loss_by(by={'x':lambda s: ['a','b']*150}), "'x' gives 300 names"),
    (lambda: fresh().loss_by(by={'x':lambda s: 3}), "'x' gives 3, not a name for each")]

@pytest.mark.parametrize('f,says', wrong)
def test_a_wrong_value_is_said_in_words(f, says):
    with pytest.raises((TypeError,ValueError), match=says): f()

reads = dict(surprise=lambda o,s: o.surprise(s), looks_back=lambda o,s: o.looks_back(s), neurons=lambda o,s: o.neurons(s), gates=lambda o,s: o.gates(s),
    evaluate=lambda o,s: o.evaluate(s), loss_by=lambda o,s: o.loss_by(s), counted=lambda o,s: o.loss_by(text, train=s), memory=lambda o,s: o.memory(s),
    find_neurons=lambda o,s: o.find_neurons(s),
    steer=lambda o,s: o.steer('h1[3]', .5, s, n=5), sample=lambda o,s: o.sample(s, n=2), predict=lambda o,s: o.predict(s))

@pytest.mark.parametrize('name', reads)
def test_the_advice_on_unknown_characters_can_be_followed(name):
    "What takes `unknown` names it; of all others the message has the line of Python that makes a text which they read"
    learn,s = char_learner(dls, 'gru', n_hid=8, precision='fp32'),text[:1200]+'ж€'
    with pytest.raises(UnknownCharError) as e: reads[name](learn, s)
    says = str(e.value)
    if name in ('sample','predict'):
        assert "unknown='skip'" in says and 'learn.vocab' not in says, says
        getattr(learn, name)(s, n=2, unknown='skip')
        return
    assert 'unknown=' not in says, says
    line = re.search(r'learn\.vocab\.decode\(.*?\)\)', says)[0]
    made = eval(line, dict(learn=learn, text=s))
    assert made==text[:1200]
    reads[name](learn, made)

def at(tmp_path):
    "A folder with what may be mistaken for a model or a text"
    (tmp_path/'runs'/'fr').mkdir(parents=True)
    (tmp_path/'fold').mkdir()
    (tmp_path/'fr.txt').write_text(text)
    (tmp_path/'tiny.txt').write_text('she')

mistaken = [(lambda: load_trained('runs/fr'), IsADirectoryError, r"load_run\('runs/fr'\)"), (lambda: load_trained('no.safetensors'), FileNotFoundError, "There is no file 'no.safetensors'.*model.safetensors"),
    (lambda: load_trained('fr.txt'), CheckpointError, r'^fr.txt is damaged, or not a model or checkpoint: its 7,800 bytes do not begin like'), (lambda: load_trained('tiny.txt'), CheckpointError, 'not a model'),
    (lambda: get_corpus('book.epub'), CorpusError, "no file or folder 'book.epub'"), (lambda: CharDataLoaders.from_corpus('my book.epub'), CorpusError, 'no file or folder'),
    (lambda: get_corpus('notes.xyz'), CorpusError, 'no file or folder'), (lambda: CharDataLoaders.from_corpus('mybook'), ValueError, "6 characters has too few to split, it leaves 1 character to validate on.*no file or folder 'mybook'"),
    (lambda: CharDataLoaders.from_file('fold'), IsADirectoryError, 'fold is a folder: `from_folder`'), (lambda: CharDataLoaders.from_folder('fr.txt'), NotADirectoryError, 'fr.txt is a file: `from_file`'),
    (lambda: fresh().surprise(faces(1)[0]), TypeError, r'A Drawing is not a text: pass its `\.text`'), (lambda: fresh().evaluate(faces(1)[0]), TypeError, r'A Drawing.*`\.text`'),
    (lambda: CharDataLoaders.from_drawings('cat.ndjson'), TypeError, "'cat.ndjson' is not a list.*get_drawings"), (lambda: faces('3'), TypeError, "n='3' must be a whole number"),
    (lambda: CharDataLoaders.from_text(5), TypeError, 'text is an int, not'), (lambda: CharDataLoaders.from_text('abc'), ValueError, '^A text of 3 characters has too few to split, it leaves 1 character to validate on: .*10,000$')]

@pytest.mark.parametrize('f,kind,says', mistaken)
def test_one_thing_taken_for_another(f, kind, says, monkeypatch, tmp_path):
    at(tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(kind, match=says) as e: f()
    assert '\n' not in str(e.value) and not re.search(r'\d,\d{3},\d{3},\d{3}|Errno', str(e.value)), e.value

def test_a_word_that_is_no_file_is_said_to_be_taken_as_a_text(monkeypatch, tmp_path, capsys):
    "Where it is long enough to be split; a text that nobody would take for a name is not talked about"
    monkeypatch.chdir(tmp_path)
    CharDataLoaders.from_corpus('my_book_about_the_whale', device='cpu')
    assert "There is no file or folder 'my_book_about_the_whale'" in capsys.readouterr().out
    for s in ('she sells sea shells by the sea shore',text): CharDataLoaders.from_corpus(s, device='cpu')
    CharDataLoaders.from_text('my_book_about_the_whale', device='cpu')
    assert 'no file' not in capsys.readouterr().out

def test_one_character_is_not_many(capsys, monkeypatch, tmp_path):
    trained(tmp_path, capsys, monkeypatch)
    (tmp_path/'two.txt').write_text('sh')
    rc,out,err = in_process('evaluate r two.txt', capsys, monkeypatch, tmp_path)
    assert rc==0 and 'over 1 character (' in out, (out,err)

def test_loaders_advise_what_they_take():
    with pytest.raises(UnknownCharError, match="unknown='skip'"): CharDataLoaders.from_text(text+'ж', vocab=dls.vocab)
    with pytest.raises(UnknownCharError, match="unknown='skip'"): dls.vocab.encode('ж')
    with pytest.raises(UnknownCharError, match=r'learn\.vocab\.decode'): CharNumericalize(dls.vocab).encodes('ж')

@pytest.mark.parametrize('fit', [lambda o: o.fit(0), lambda o: o.fit_one_cycle(0)])
def test_no_epochs(fit, capsys, recwarn):
    "It is said that nothing is trained, by this library and not by that of the bar; fastai's `fine_tune` may leave its first part out"
    learn = fresh()
    fit(learn)
    assert 'n_epoch=0: nothing is trained' in capsys.readouterr().out and not [o for o in recwarn if 'empty' in str(o.message)]
    learn.fine_tune(1, freeze_epochs=0)
    assert 'nothing is trained' not in capsys.readouterr().out and learn.train_iter==len(learn.dls.train)

@pytest.mark.parametrize('use', [lambda o: o.fit(1), lambda o: o.fit_steps(3), lambda o: o.validate(), lambda o: o.get_preds(), lambda o: o.evaluate()])
def test_loaders_with_other_characters(use):
    "As many as the model knows, so that no size tells them apart: its weights are for the old ones, and so is the vocabulary that is saved with it"
    learn = fresh()
    learn.dls = CharDataLoaders.from_text(text.replace('s','ß'), bs=4, seq_len=16, device='cpu')
    with pytest.raises(ValueError, match='its codes mean other characters'): use(learn)
    learn.dls = CharDataLoaders.from_text(text, bs=2, seq_len=8, device='cpu')
    use(learn)

@pytest.mark.parametrize('make,name,meant', [(fresh,'sampel','sample'), (fresh,'fit_minute','fit_minutes'), (fresh,'evalute','evaluate'), (fresh,'vocb','vocab'),
    (lambda: dls,'show_bach','show_batch'), (fresh,'colour',None)])
def test_a_misspelt_name_says_what_it_is_close_to(make, name, meant):
    "Of the learner or the loaders, not of what they pass names on to; said once, by any Python, and in the message, which is what IPython shows"
    o = make()
    with pytest.raises(AttributeError) as e: getattr(o, name)
    shown = ''.join(traceback.format_exception(e.value)).splitlines()[-1]
    end   = f". Did you mean: '{meant}'?" if meant else ''
    assert shown==f"charrnn_fa.core.NoAttribute: '{type(o).__name__}' object has no attribute '{name}'{end}"
    assert not hasattr(o, name) and getattr(o, name, 7)==7

def test_names_are_passed_on_and_copied():
    "What the model and the training loader have is found as before, also in copies"
    learn = fresh()
    assert learn.config is learn.model.config and copy.copy(learn).config is learn.config and copy.copy(dls).seq_len==16
    assert copy.deepcopy(dls.train).seq_len==16 and pickle.loads(pickle.dumps(dls)).seq_len==16

def test_plot_lr_find_after_a_fit_that_was_none():
    "A fit has losses and learning rates, but not those of lr_find"
    learn = fresh()
    with learn.no_bar(), learn.no_logging(): learn.fit_steps(3)
    with pytest.raises(ValueError, match='lr_find'): learn.recorder.plot_lr_find()
    learn.recorder.plot_sched()

pictures = dict(gif=b'GIF89a\x01\0\x01\0\x80', webp=b'RIFF\x24\0\0\0WEBPVP8 ', tiff=b'II*\0\x08\0\0\0', bmp=b'BM\x8a\x30\0\0\0\0\0\0\x8a\0\0\0', mp3=b'ID3\x03\0\0\0',
    elf=b'\x7fELF\x02\x01\x01\0', sevenzip=b"7z\xbc\xaf\x27\x1c\0\x04", old_word=b'\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1', sqlite=b'SQLite format 3\0', bz2=b'BZh91AY&SY',
    xz=b'\xfd7zXZ\0\0\x04', rtf=b'{\\rtf1\\ansi', pickle=b'\x80\x04\x95\x10', parquet=b'PAR1\x15\x04')

@pytest.mark.parametrize('kind', pictures)
def test_what_is_not_text_is_said(kind, tmp_path):
    "Pictures, programs and archives by their first bytes, or by zeros in them: none is recommended to be read as Latin-1"
    (tmp_path/'a.txt').write_bytes(pictures[kind]+bytes(range(256))*4)
    with pytest.raises(CorpusError) as e: get_corpus(tmp_path/'a.txt')
    assert 'not text' in str(e.value) and 'latin' not in str(e.value), e.value

@pytest.mark.parametrize('mode', ['w','w:gz'])
def test_a_tar_archive_is_not_text(mode, tmp_path):
    "Its headers are ASCII and zeros, and were read as a text"
    (tmp_path/'a.txt').write_text('she sells '*50)
    p = tmp_path/('a.tar' if mode=='w' else 'a.tar.gz')
    with tarfile.open(p, mode) as z: z.add(tmp_path/'a.txt', 'a.txt')
    with pytest.raises(CorpusError, match='tar archive .unpack it.*not text'): get_corpus(p)

def test_how_a_text_is_read_is_not_ignored(tmp_path):
    "An option that comes too late is refused; that of a text in memory counts"
    text = 'she sells\r\n'*200
    kw = dict(bs=2, seq_len=8, device='cpu')
    vocab = CharDataLoaders.from_text(text, newline='lf', **kw).vocab
    assert '\r' not in vocab and vocab.hash==CharDataLoaders.from_corpus(text, newline='lf', **kw).vocab.hash
    assert CharDataLoaders.from_text(text, vocab=vocab, unknown='skip', newline='lf', **kw).vocab is vocab
    (tmp_path/'a.txt').write_bytes(text.encode())
    found = get_corpus(tmp_path/'a.txt', newline='lf')
    for o,more,says in ((get_corpus(tmp_path/'a.txt'),dict(newline='lf'),'give newline'), (found,dict(encoding='latin-1', sep='|'),'give encoding, sep'),
        (get_stream(found),dict(newline='lf'),'give newline'), (Corpus('text', text=text),dict(glob='*.md'),'give glob')):
        with pytest.raises(CorpusError, match=says): CharDataLoaders.from_corpus(o, **more, **kw)
    for o in (found,tmp_path/'a.txt'):
        for more in (dict(), dict(vocab=vocab, unknown='skip')): assert '\r' not in CharDataLoaders.from_corpus(o, newline='lf', **more, **kw).vocab

def test_whole_numbers_of_any_type():
    "1.0 epochs are one, and top_k=2.0 keeps two characters: they are whole numbers, and no mistake"
    text  = 'she sells sea shells. '*40
    learn = char_learner(CharDataLoaders.from_text(text, bs=2, seq_len=8, device='cpu'), 'gru', n_hid=8, precision='fp32')
    learn.fit(1.0)
    assert len(learn.recorder.losses)==len(learn.dls.train)
    assert learn.sample('she', 20, seed=1, top_k=2.0)==learn.sample('she', 20, seed=1, top_k=2)
    assert len({str(learn.sample('she', 20, seed=o)) for o in (5, 2**64+5, 2**200+5)})==1        # torch's generator knows 2**64 seeds

def test_a_trained_model_evaluates_a_text():
    tm = held()
    assert tm.evaluate(text[:300]).nats==tm.evaluate(dls.vocab.encode(text[:300])).nats and tm.evaluate(text[:300]).split=='text'

def test_parts_have_two_spellings():
    learn = fresh()
    assert learn.evaluate('validation')==learn.evaluate('valid')==learn.evaluate() and learn.evaluate('training')==learn.evaluate('train')==learn.evaluate(0)

def test_what_is_left_out_of_a_view_is_said():
    learn = char_learner(CharDataLoaders.from_text(text*4, bs=4, seq_len=16, device='cpu'), 'gru', n_hid=8, precision='fp32')
    rare = {'rare & <b>':lambda s: [int(i<9) for i in range(len(s))], 'usual':lambda s: [c=='s' for c in s]}
    v = learn.find_neurons(features=rare)
    assert re.search(r'Left out, since fewer than 50\s+characters\s+differ\s+from\s+all\s+others:\s+rare\s+&\s+<b>', str(v)) and 'usual' not in str(v).split('Left out')[1]
    assert 'rare &amp; &lt;b&gt;' in v.html and '<b>' not in v.html.split('Left out')[1].split('</div>')[0] and 'Left out' not in str(learn.find_neurons())
    v = learn.loss_by(by={'one':lambda s: ['a']*len(s), 'two':lambda s: np.array(list('ab'*len(s)))[:len(s)]})
    assert 'two' in v.tables and re.search(r'Left out, since all\s+characters\s+have\s+one\s+name:\s+one', str(v)) and 'Left out' not in str(learn.loss_by())

def test_what_is_no_text_is_not_evaluated(tmp_path):
    text  = 'she sells sea shells. '*40
    learn = char_learner(CharDataLoaders.from_text(text, bs=2, seq_len=8, device='cpu'), 'gru', n_hid=8, precision='fp32')
    for o in (Corpus('mine', text=text),tmp_path/'a.txt',[text]):
        with pytest.raises(TypeError, match='neither a text nor a loader'): learn.evaluate(o)
    (tmp_path/'a.txt').write_text(text)
    with pytest.raises(ValueError, match='a.txt.* is the name of a file.*get_corpus'): learn.evaluate(str(tmp_path/'a.txt'))

def test_text_with_a_mark_or_one_zero_is_text(tmp_path):
    for i,b in enumerate((b'BM is a firm, and II* a figure\n', 'naïve'.encode('utf-16'), b'one zero\0 here\n'*20)):
        (tmp_path/f'{i}.txt').write_bytes(b)
        assert get_corpus(tmp_path/f'{i}.txt').text

def test_a_folder_without_txt_says_what_is_there(tmp_path):
    for o in ('a.md','b.md','c.png'): (tmp_path/o).write_text('she')
    with pytest.raises(CorpusError, match=r"2 \.md.*1 \.png.*glob='\*\*/\*\.md'"): get_corpus(tmp_path)
    (tmp_path/'empty').mkdir()
    with pytest.raises(CorpusError, match='empty folder'): get_corpus(tmp_path/'empty')

def trained(tmp_path, capsys, monkeypatch):
    (tmp_path/'t.txt').write_text(text)
    rc,out,err = in_process('train t.txt --run r --epochs .2 --n-hid 8 --precision fp32', capsys, monkeypatch, tmp_path)
    assert rc==0, err

def test_a_prompt_says_what_it_loses(capsys):
    learn = fresh()
    for f in (learn.sample,learn.predict):
        f('shé €', n=2, unknown='relative')
        out = capsys.readouterr().out
        assert out.count("'€' left out")==1 and "'é' is read as 'e'" in out, out
    for s,how in (('shé','relative'),('sh€','skip'),('she','relative')):
        learn.sample(s, n=2, unknown=how)
        assert capsys.readouterr().out==''

def test_a_command_says_what_a_prompt_loses_and_what_cannot_come(capsys, monkeypatch, tmp_path):
    "On stderr, once: what is printed and the JSON are as they were"
    trained(tmp_path, capsys, monkeypatch)
    want = json.loads(in_process('sample r --prompt she -n 9 --seed 1 --json', capsys, monkeypatch, tmp_path)[1])
    rc,out,err = in_process('sample r --prompt shé€ --unknown relative -n 9 --seed 1 --json', capsys, monkeypatch, tmp_path)
    assert rc==0 and json.loads(out)==want and err.count("'€' left out")==1, (out,err)
    rc,out,err = in_process('sample r --prompt shé€ --unknown relative -n 9 --seed 1', capsys, monkeypatch, tmp_path)
    assert rc==0 and out==want['text']+'\n' and err.count("'€' left out")==1, (out,err)
    rc,out,err = in_process(r"sample r --prompt she -n 9 --seed 1 --json --stop \n --stop zz --stop she", capsys, monkeypatch, tmp_path)
    lines = err.splitlines()
    assert rc==0 and json.loads(out) and len(lines)==2, err
    assert r"'\n' cannot come" in lines[0] and r"$'\n' in bash" in lines[0] and "'zz' cannot come: the model does not know z" in lines[1] and 'bash' not in lines[1]
    assert r"$'\n' in bash" in ' '.join(in_process('sample --help', capsys, monkeypatch, tmp_path)[1].split())

python_words = re.compile(r"Resume\(|learn\.|char_learner|\bforce=|\['|\w=\d|n_hid|seq_len|cell again|CharDataLoaders")

@pytest.mark.parametrize('args', ['--epochs .4', '--minutes .01', '--epochs .2 --lr .001', '--epochs .2 --seed 3', '--epochs .2 --n-hid 12', '--epochs .2 --split .3',
    '--epochs .2 --bs 2', '--epochs .2'])
def test_a_run_that_is_there_answers_in_words_of_the_shell(args, capsys, monkeypatch, tmp_path):
    "Other settings, or a run that is finished: what may be done is said as options, and nothing is measured before"
    trained(tmp_path, capsys, monkeypatch)
    if '--n-hid' not in args: args += ' --n-hid 8'
    rc,out,err = in_process(f'train t.txt --run r --precision fp32 {args}', capsys, monkeypatch, tmp_path)
    print(err)
    assert rc==(0 if args=='--epochs .2 --n-hid 8' else 2) and not python_words.search(err), err
    assert '--more' in err or '--run' in err
    assert rc==0 or '--force' in err and 'About' not in err

def test_short_texts_and_times_speak_of_options(capsys, monkeypatch, tmp_path):
    (tmp_path/'t.txt').write_text(text[:900])
    monkeypatch.setattr('charrnn_fa.train.minutes.few_steps', 10**9)       # few on any machine
    rc,out,err = in_process('train t.txt --run r --minutes .005 --precision fp32', capsys, monkeypatch, tmp_path)
    assert rc==0 and not python_words.search(err) and 'The text is short' in err and 'That is little' in err, err
    (tmp_path/'t.txt').write_text('ab')
    rc,out,err = in_process('train t.txt --run s', capsys, monkeypatch, tmp_path)
    assert rc==2 and '1 characters' not in err, err

@pytest.mark.parametrize('args,says', [('trian t.txt',"Did you mean 'train'?"), ('train t.txt --runn r',"Did you mean --run?"), ('train t.txt --run r --n_hids 3',"Did you mean --n-hid?"),
    ('train t.txt --run r --arch lstmm',"Did you mean 'lstm'?"), ('train t.txt --run r --batch-size 3','Did you mean --bs?'), ('train t.txt --run t.txt','t.txt is a file'),
    ('train t.txt --run r --split 1.5','between 0 and 1'), ('train http://127.0.0.1:9/x.txt --run r','Connection refused')])
def test_misspelt_in_the_shell(args, says, capsys, monkeypatch, tmp_path):
    (tmp_path/'t.txt').write_text(text)
    rc,out,err = in_process(args, capsys, monkeypatch, tmp_path)
    assert rc==2 and not out and says in err and 'urlopen' not in err and len(err.strip().splitlines())==1, err

def test_help_shows_no_inner_names(capsys, monkeypatch, tmp_path):
    for cmd in ('train','sample','html'):
        rc,out,err = in_process(f'{cmd} --help', capsys, monkeypatch, tmp_path)
        assert rc==0 and '(default: False)' not in out and "''" not in out and 'FROM_' not in out and '--from-' not in out, out
    assert 'relative' in in_process('sample --help', capsys, monkeypatch, tmp_path)[1]
    assert 'charrnn train shakespeare' in in_process('', capsys, monkeypatch, tmp_path)[1]

def test_fixes_of_the_doctor_are_commands_in_a_shell(capsys, monkeypatch, tmp_path):
    "Every finding that a run of the command can have has a fix with options of the command, or none"
    from charrnn_fa.shell.fit import in_shell_words
    from charrnn_fa.doctor.finding import Finding
    for name,fix in [('overfitting','learn.fit(2) on a new learner, with dropout=0.3 or more text'), ('plateau','learn.doctor()'), ('lr_high','learn.lr = 0.0008'),
        ('nan','char_learner(dls, lr=0.0008, clip=1.)'), ('small_text','char_learner(dls, n_hid=128, dropout=0.3)'), ('sample_repeats','learn.sample(temperature=1.)'),
        ('mojibake',"CharDataLoaders.from_corpus('text.txt')"), ('leak','CharDataLoaders.from_text(text_without_copies, split=0.1)')]:
        o = in_shell_words(Finding(name, 'saw', 'means', fix), 'runs/r')
        assert not python_words.search(o.fix) and not re.search(r'[(=]', o.fix), o.fix
    assert in_shell_words(Finding('plateau', 'saw', 'means', 'learn.doctor()'), 'runs/r').fix=='charrnn doctor runs/r'
    wide = Finding('mojibake', 'saw', 'means', "CharDataLoaders.from_corpus('text.txt', encoding='utf-16-le')", 'slow')
    assert in_shell_words(wide, 'runs/r').fix.endswith('--encoding utf-16-le')
    cut = Finding('valid_differs', 'saw', 'means', "CharDataLoaders.from_text(text, split='char-rnn')  # from many places", 'slow')
    assert in_shell_words(cut, 'runs/r').fix=='charrnn train CORPUS --run ANOTHER --split char-rnn'
    assert '--lr 0.0008' in in_shell_words(Finding('lr_high', 'saw', 'means', 'learn.lr = 0.0008'), 'runs/r').fix
    assert in_shell_words(Finding('lr_high', 'saw', 'means', 'learn.lr = 1e+11'), 'runs/r').fix.endswith('--lr 1e+11')

def test_ctrl_c_has_the_last_word(tmp_path):
    "Stopped, and how to go on, are the last lines; nothing is evaluated first"
    from test_cli import stopped
    (tmp_path/'t.txt').write_text(text)
    p,out,err = stopped(signal.SIGINT, tmp_path/'r', tmp_path/'t.txt', '--epochs', 500, '--every', 20, '--n-hid', 8, '--precision', 'fp32')
    print(err)
    last = err.strip().splitlines()[-2:]
    assert p.returncode==130 and re.fullmatch(r'Stopped at step [\d,]+ of [\d,]+; the same command again resumes', last[0]), err
    assert last[1]==f'The model so far: charrnn sample {tmp_path/"r"}' and 'accuracy' not in err

@pytest.fixture
def audible():
    "A job in the background of a shell ignores Ctrl-C"
    was = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, was)

@pytest.mark.parametrize('where', ['evaluation','last line'])
def test_ctrl_c_after_the_training(where, audible, capsys, monkeypatch, tmp_path):
    "What is trained is saved, and only what was still to come is broken off"
    from charrnn_fa.shell.fit import PlainLog
    shown = PlainLog.after_epoch
    def _line(self):
        shown(self)
        if self.epoch==1: signal.raise_signal(signal.SIGINT)
    if where=='evaluation': monkeypatch.setattr(CharLearner, 'evaluate', lambda self: signal.raise_signal(signal.SIGINT))
    else: monkeypatch.setattr(PlainLog, 'after_epoch', _line)
    (tmp_path/'t.txt').write_text(text)
    rc,out,err = in_process(small_run, capsys, monkeypatch, tmp_path)
    last = err.strip().splitlines()[-1]
    assert rc==130 and 'Stopped' not in err and 'accuracy' not in err, err
    assert last=='The training is finished, and its model is saved in r; only its evaluation was broken off: charrnn evaluate r'
    assert 'train' in load_trained(tmp_path/'r'/MODEL_FILE).info
    monkeypatch.undo()
    rc,out,err = in_process(small_run, capsys, monkeypatch, tmp_path)
    assert rc==0 and 'nothing was trained' in err and 'Saved in r' in err, err

def test_stop_button_after_the_last_step(tmp_path):
    "A cell learns that its fit is finished, and stops"
    from fastai.basics import Callback
    class Late(Callback):
        def after_epoch(self): signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt, match=r'finished, at step (\d+) of \1: the stop came after it'): fresh().fit_steps(20, cbs=[Resume(tmp_path), Late()])
    assert step_and_phase(checkpoints(tmp_path)[-1].name)==(20,2)

def test_a_run_that_is_damaged_all_through(capsys, monkeypatch, tmp_path):
    "Who reads it is not told that anything is trained"
    (tmp_path/'t.txt').write_text(text)
    assert in_process(small_run, capsys, monkeypatch, tmp_path)[0]==0
    (tmp_path/'r'/MODEL_FILE).unlink()
    files = list((tmp_path/'r').glob('ck*'))
    for o in files: o.write_bytes(o.read_bytes()[:300])
    says = f'r has {len(files)} damaged checkpoints and no sound one, so there is no model to read: train it again'
    for cmd in ('sample','evaluate','doctor'):
        rc,out,err = in_process(f'{cmd} r', capsys, monkeypatch, tmp_path)
        assert rc==2 and says in err and 'training starts' not in err, err
    with pytest.raises(CheckpointError, match=says): load_run(tmp_path/'r')
    assert 'training starts' not in capsys.readouterr().out
    rc,out,err = in_process(small_run, capsys, monkeypatch, tmp_path)
    assert rc==0 and 'training starts from the beginning' in err, err

other = [('--minutes 1','--epochs 2 in the run and --minutes 1 here'), ('--epochs 1.5','--epochs 2 in the run and --epochs 1.5 here'), ('--split 0.2','--split nanogpt in the run and 0.2 here'),
    ('--precision bf16','--precision fp32 in the run and bf16 here'), ('--counts 5','--counts none in the run and 5 here'), ('--seed 3','--seed 0 in the run and 3 here'),
    ('--n-hid 9 --arch gru','--arch lstm in the run and gru here; --n-hid 8 in the run and 9 here'), ('--lr 0.01','--lr 0.008 in the run and 0.01 here'),
    ('other.txt','text t.txt in the run and other.txt here'), ('longer','the text t.txt has changed since, from 7,800 characters to 7,820'),
    ('edited','the text t.txt has changed since'), ('--newline lf','--newline keep in the run and lf here')]

def test_what_differs_is_told_in_options(capsys, monkeypatch, tmp_path):
    "Nothing but what somebody has changed, with both values, and no hashes"
    fn,old = tmp_path/'t.txt',text.replace('shore', 'sho\r\n')[:-1].ljust(7800, '.')
    assert len(old)==7800
    fn.write_bytes(old.encode())
    assert in_process(small_run, capsys, monkeypatch, tmp_path)[0]==0
    (tmp_path/'other.txt').write_text('Anything else.\n'*500)
    edits = dict(longer=old+'she sells sea shells', edited=old[::-1])
    for change,says in other:
        cmd = small_run.replace('t.txt', change) if change=='other.txt' else small_run if change in edits else f'{small_run} {change}'
        if '--minutes' in change: cmd = cmd.replace(' --epochs 2', '')
        fn.write_bytes(edits.get(change, old).encode())
        rc,out,err = in_process(cmd, capsys, monkeypatch, tmp_path)
        assert rc==2 and re.fullmatch(rf'charrnn train: r [a-z ]+: {re.escape(says)}\. Choose another --run.*', err.strip().splitlines()[-1]), err
    fn.write_bytes(old.encode())
    dls = CharDataLoaders.from_file(fn, bs=4, seq_len=16, device='cpu')
    learn = char_learner(dls, n_hid=8, precision='fp32', lr=8e-3)
    with pytest.raises(ValueError, match=r"seed 0 in the run and none here\..*The run has Resume\(..., same=\{'seed': 0\}\)"): learn.fit_steps(10, cbs=Resume(tmp_path/'r'))
    with pytest.raises(ValueError, match=r'[0-9]+ steps in the run and 10 steps here\.'): learn.fit_steps(10, cbs=Resume(tmp_path/'r', same=dict(seed=0)))
    with pytest.raises(ValueError, match=r'[0-9]+ steps in the run and 0.1 minutes here\.'): learn.fit_minutes(.1, cbs=Resume(tmp_path/'r', same=dict(seed=0)))

def test_no_two_values_that_look_alike(tmp_path):
    "Of schedules that peak alike, and of one beside a plain number"
    fresh().fit_one_cycle(1, .01, cbs=Resume(tmp_path))
    for f in (lambda l,cb: l.fit(1, .01, cbs=cb), lambda l,cb: l.fit_one_cycle(1, .01, pct_start=.5, cbs=cb), lambda l,cb: l.fit_steps(50, .01, cbs=cb)):
        with pytest.raises(ValueError) as e: f(fresh(), Resume(tmp_path))
        pairs = re.findall(r'([^ ]+(?: epochs?| steps?)?) in the run and ([^ ]+(?: epochs?| steps?)?) here', str(e.value))
        assert pairs and all(a!=b for a,b in pairs), e.value

def kept(run, t, split=0.1, replay=None):
    "A run in a folder, on the text in file `t`"
    dls = CharDataLoaders.from_file(t, bs=4, seq_len=16, split=split, device='cpu')
    if replay: dls = with_replay(dls, replay, 0.3, piece=100)
    learn = char_learner(dls, 'rnn', n_hid=8, precision='fp32')
    with learn.no_bar(), learn.no_logging(), Resume(run) as r:
        learn.fit_steps(20, cbs=r)
        r.save_model(learn)
    return learn

@pytest.mark.parametrize('split', [(0.1,0.1), [.2], (0.25,), 0.05])
def test_any_split_is_read_back(split, capsys, monkeypatch, tmp_path):
    "As it was given in Python: the commands score the same characters"
    (tmp_path/'t.txt').write_text(text)
    learn = kept(tmp_path/'r', tmp_path/'t.txt', split)
    want  = learn.evaluate()
    for cmd in ('evaluate r --json','doctor r --json','look r --loss-by --json'):
        rc,out,err = in_process(cmd, capsys, monkeypatch, tmp_path)
        res = json.loads(out.splitlines()[-1])
        assert rc==0 and abs(res.get('valid_nats', res.get('nats'))-want.nats)<1e-4, (cmd,err)

def test_a_run_with_replay_finds_its_text(capsys, monkeypatch, tmp_path):
    "The file is as it was, and the training text was not the file alone; a validation part that has changed is still told"
    (tmp_path/'t.txt').write_text(text)
    want = kept(tmp_path/'r', tmp_path/'t.txt', replay='old shells are sold by the shore.\n'*50).evaluate()
    rc,out,err = in_process('evaluate r --json', capsys, monkeypatch, tmp_path)
    assert rc==0 and abs(json.loads(out.splitlines()[-1])['valid_nats']-want.nats)<1e-4, err
    (tmp_path/'t.txt').write_text(text[:-300]+text[:-300:-1])
    rc,out,err = in_process('evaluate r --json', capsys, monkeypatch, tmp_path)
    assert rc==2 and 'not the text' in err, err

@pytest.mark.parametrize('split', [None,(),[]])
def test_no_split_is_refused(split):
    with pytest.raises(ValueError, match='between 0 and 1.*such as 0.1'): CharDataLoaders.from_text(text, split=split)

@pytest.mark.parametrize('args,says', [('evaluate r odd.txt','take them out of the text'), ('doctor r odd.txt','take them out of the text'), ('look r odd.txt','take them out of the text'),
    ('doctor r tiny.txt','a longer text'), ('train t.txt --run r --more --force','--force starts over and --more trains on'),
    ('train t.txt --run s --from r --n-hid 32','sizes with it: leave out --n-hid\n'),
    ('train t.txt --run s --from r --arch gru','leave out --arch')])
def test_advice_is_something_that_the_command_has(args, says, capsys, monkeypatch, tmp_path):
    "No keyword of Python, and no option that the command lacks"
    trained(tmp_path, capsys, monkeypatch)
    (tmp_path/'odd.txt').write_text(text[:500]+'@')
    (tmp_path/'tiny.txt').write_text('she sells sea shells by the sea')
    rc,out,err = in_process(args, capsys, monkeypatch, tmp_path)
    print(err)
    known = ' '.join(in_process(f'{args.split()[0]} --help', capsys, monkeypatch, tmp_path)[1].split())
    assert rc==2 and says in ' '.join(err.split())+'\n' and not re.search(r"\b\w+=|`|\bn_|\bunknown\b|\bseq_len\b", err), err
    assert all(o in known for o in re.findall(r'--[a-z-]+', err)), err

def test_a_text_that_was_removed_is_missed_in_plain_words(capsys, monkeypatch, tmp_path):
    trained(tmp_path, capsys, monkeypatch)
    (tmp_path/'t.txt').unlink()
    for cmd in ('evaluate r','doctor r','look r','html r p.html'):
        rc,out,err = in_process(cmd, capsys, monkeypatch, tmp_path)
        assert rc==(0 if cmd.startswith('html') else 2) and f"{tmp_path/'t.txt'} any more" in ' '.join(err.split()) and 'Corpus(' not in err, err

@pytest.mark.parametrize('run', ['a b/it\'s $c','-r'])
def test_a_command_that_is_advised_can_be_typed(run, capsys, monkeypatch, tmp_path):
    "A run with blanks in its name is quoted, as a shell reads it; one that begins with a dash is no option"
    (tmp_path/'t.txt').write_text(text)
    monkeypatch.chdir(tmp_path)
    from charrnn_fa import cli
    assert cli.main(['train','t.txt',f'--run={run}','--epochs','.2','--n-hid','8','--precision','fp32'])==0
    tried = shlex.split(capsys.readouterr().err.rsplit('Try: ', 1)[1])
    assert tried[:2]==['charrnn','sample'] and os.path.samefile(tried[2], run) and cli.main([*tried[1:],'-n','5'])==0
    for cmd in ('doctor','evaluate','runs'): assert cli.main([cmd,'no such/run'])==2
    err = capsys.readouterr().err
    assert err.count("--run 'no such/run'")==2 and '--run no such' not in err, err

@pytest.mark.parametrize('name', ['',' '])
def test_no_name_is_no_text(name, capsys, monkeypatch, tmp_path):
    "An empty name would be the current folder"
    from charrnn_fa import cli
    (tmp_path/'t.txt').write_text(text)
    monkeypatch.chdir(tmp_path)
    for args in (['train',name,'--run','r'],['train','t.txt','--run',name],['html','r',name],['sample',name]):
        assert cli.main(args)==2 and 'is empty' in capsys.readouterr().err, args
    assert [o.name for o in tmp_path.iterdir()]==['t.txt']

@pytest.mark.parametrize('args', ['train t.txt --run {}','sample {}','runs {}','html {} m.html','html r {}/m.html','html r {}'])
@pytest.mark.parametrize('where', ['dang','dang/r'])
def test_a_link_to_nothing(args, where, capsys, monkeypatch, tmp_path):
    trained(tmp_path, capsys, monkeypatch)
    (tmp_path/'dang').symlink_to('gone/away')
    rc,out,err = in_process(args.format(where), capsys, monkeypatch, tmp_path)
    assert rc==2 and 'dang is a link to gone/away, which is not there' in err and 'live-' not in err, err

@pytest.mark.parametrize('room', [True,False])
def test_a_run_that_takes_no_model(room, capsys, monkeypatch, tmp_path):
    "The weights are kept elsewhere, if that has room, and the figures are printed"
    put,save = DirStore.put,CharLearner.save_trained
    def full_put(self, name, data):
        if name==MODEL_FILE: self._fail(OSError(28, 'No space left on device'), f'Cannot write {self._said(self.path/name)}')
        return put(self, name, data)
    def full_save(self, fn, **info): raise OSError(28, 'No space left on device', str(fn))
    (tmp_path/'t.txt').write_text(text)
    (tmp_path/'tmp').mkdir()
    with monkeypatch.context() as m:
        m.setattr(DirStore, 'put', full_put)
        m.setattr(tempfile, 'tempdir', str(tmp_path/'tmp'))
        if not room: m.setattr(CharLearner, 'save_trained', full_save)
        rc,out,err = in_process(small_run, capsys, m, tmp_path)
    assert rc==2 and 'Cannot write r/model.safetensors: No space left' in err and 'accuracy' in err and 'Saved in' not in err, err
    found = [*(tmp_path/'tmp').rglob('*')]
    if not room:
        assert not found and 'the model is lost' in err, err
        return
    fn = found[-1]
    assert str(fn) in err and 'Make room' in err and load_trained(fn).info['run_steps']==load_run(tmp_path/'r').info['step'], err
    assert in_process(f'sample {fn.parent}', capsys, monkeypatch, tmp_path)[0]==0

def test_a_place_that_is_no_folder(capsys, monkeypatch, tmp_path):
    trained(tmp_path, capsys, monkeypatch)
    for to in ('t.txt/x.html','t.txt/d/x.html','t.txt/d'):
        rc,out,err = in_process(f'html r {to}', capsys, monkeypatch, tmp_path)
        assert rc==2 and 't.txt is not a folder' in err and 'Errno' not in err, err

def test_every_is_a_plain_number(capsys, monkeypatch, tmp_path):
    (tmp_path/'t.txt').write_text(text)
    rc,out,err = in_process(f'{small_run} --every ²', capsys, monkeypatch, tmp_path)
    assert rc==2 and "must be a time such as '60s'" in err, err

def test_a_file_from_the_future_has_no_age(capsys, monkeypatch, tmp_path):
    "Where the clock was put back, or is another one's"
    trained(tmp_path, capsys, monkeypatch)
    for p in (tmp_path/'r').glob('ck*'): os.utime(p, (4e9,4e9))
    assert all(o['age']==0 for o in run_table(tmp_path/'r')) and not re.search(r'-\d+ s', in_process('runs r', capsys, monkeypatch, tmp_path)[1])

@pytest.mark.parametrize('cmd', ['sample','evaluate','look','runs','doctor'])
def test_a_file_where_a_run_belongs(cmd, capsys, monkeypatch, tmp_path):
    "It is said what the file is, and what to give; what is advised works"
    trained(tmp_path, capsys, monkeypatch)
    (tmp_path/'page.html').write_text('<!doctype html>')
    (tmp_path/'mine.safetensors').write_bytes((tmp_path/'r/model.safetensors').read_bytes())
    for f,what in dict(zip(('r/model.safetensors','mine.safetensors','page.html','t.txt'), ('a model','a model','a page','a file'))).items():
        rc,out,err = in_process(f'{cmd} {f}', capsys, monkeypatch, tmp_path)
        assert rc==2 and f'{f} is {what}' in err and 'folder of the run' in err and 'name another' not in err, err
        assert (', r' in err)==(f[0]=='r'), err

def test_a_page_needs_a_place(capsys, monkeypatch, tmp_path):
    "A folder is no page, and a file no folder: said before anything is measured"
    trained(tmp_path, capsys, monkeypatch)
    (tmp_path/'d.html').mkdir()
    for to,says in (('t.txt','t.txt is a file'),('d.html','d.html is a folder')):
        rc,out,err = in_process(f'html r {to}', capsys, monkeypatch, tmp_path)
        assert rc==2 and says in err and 'Errno' not in err, err
    for f in (fresh().to_html,load_run(tmp_path/'r').to_html):
        for to in ('.',tmp_path): pytest.raises(ValueError, f, to).match('is a folder')
    for f in (fresh().to_folder,load_run(tmp_path/'r').to_folder): pytest.raises(ValueError, f, tmp_path/'t.txt').match('is a file')
    assert (tmp_path/'t.txt').read_text()==text

@pytest.mark.parametrize('name', ['README.md','index.html'])
def test_a_folder_with_a_page_or_a_readme_of_ones_own(name, capsys, monkeypatch, tmp_path):
    "It is not replaced; what was written here before is"
    trained(tmp_path, capsys, monkeypatch)
    (tmp_path/'docs').mkdir()
    (tmp_path/'docs'/name).write_text('my thesis')
    rc,out,err = in_process('html r docs', capsys, monkeypatch, tmp_path)
    assert rc==2 and f'docs/{name} is there already' in err and [o.name for o in (tmp_path/'docs').iterdir()]==[name], err
    for f in (fresh().to_folder,load_run(tmp_path/'r').to_folder): pytest.raises(ValueError, f, tmp_path/'docs').match('there already')
    assert (tmp_path/'docs'/name).read_text()=='my thesis'
    for title in ('one','two'): assert in_process(f'html r site --title {title}', capsys, monkeypatch, tmp_path)[0]==0
    assert '# two' in (tmp_path/'site/README.md').read_text() and '<title>two' in (tmp_path/'site/index.html').read_text()

def test_a_page_of_ones_own_under_the_name(capsys, monkeypatch, tmp_path):
    "It is not replaced; an empty file is, and so is a page that was written here before"
    trained(tmp_path, capsys, monkeypatch)
    for own in (tmp_path/'thesis.html',tmp_path/'thesis.htm'): own.write_text('<h1>my thesis</h1>')
    rc,out,err = in_process('html r thesis.html', capsys, monkeypatch, tmp_path)
    assert rc==2 and 'thesis.html is there already' in err, err
    for f in (fresh().to_html,load_run(tmp_path/'r').to_html): pytest.raises(ValueError, f, tmp_path/'thesis.htm').match('there already')
    assert all((tmp_path/o).read_text()=='<h1>my thesis</h1>' for o in ('thesis.html','thesis.htm'))
    (tmp_path/'page.html').touch()
    for title in ('one','two'): assert in_process(f'html r page.html --title {title}', capsys, monkeypatch, tmp_path)[0]==0
    assert '<title>two' in (tmp_path/'page.html').read_text()

def test_a_page_that_is_called_something_else(capsys, monkeypatch, tmp_path):
    "No folder called x.pdf is made unless it is asked for, or there already; numbers are no endings"
    (tmp_path/'t.txt').write_text(text)
    assert in_process(small_run, capsys, monkeypatch, tmp_path)[0]==0
    for to in ('x.pdf','site/y.txt'):
        rc,out,err = in_process(f'html r {to}', capsys, monkeypatch, tmp_path)
        assert rc==2 and f'{to} must end in .html' in err and f'write {to}/' in err and not (tmp_path/to).exists(), err
    for to in ('x.pdf/','x.pdf','v1.0','site/y'): assert in_process(f'html r {to}', capsys, monkeypatch, tmp_path)[0]==0 and (tmp_path/to/'index.html').exists()
    for to in ('me.html','me.HTM'): assert in_process(f'html r {to}', capsys, monkeypatch, tmp_path)[0]==0 and (tmp_path/to).is_file()

def test_the_folder_of_another_run_is_no_place_for_a_page(capsys, monkeypatch, tmp_path):
    "Its `model.safetensors` would be replaced; in that of the run itself a page may be"
    trained(tmp_path, capsys, monkeypatch)
    shutil.copytree(tmp_path/'r', tmp_path/'other')
    had = {o.name:o.read_bytes() for o in (tmp_path/'other').iterdir()}
    rc,out,err = in_process('html r other', capsys, monkeypatch, tmp_path)
    assert rc==2 and 'other is a run of its own' in err and {o.name:o.read_bytes() for o in (tmp_path/'other').iterdir()}==had, err
    assert in_process('html r r', capsys, monkeypatch, tmp_path)[0]==0 and (tmp_path/'r/index.html').exists()

def test_a_view_takes_the_place_of_a_view_alone(capsys, monkeypatch, tmp_path):
    "Not of the text that is read, nor of the run's own, nor of anything else, which is said before the work"
    trained(tmp_path, capsys, monkeypatch)
    mine = {'keep.txt':'she sells\n', 'page.html':'<!doctype html><html lang="en"><p>mine', 'plot.png':'mine'}
    for nm,o in mine.items(): (tmp_path/nm).write_text(o)
    os.link(tmp_path/'keep.txt', tmp_path/'same.txt')
    for to,says in (('keep.txt','is the text to look at'),('same.txt','is the text to look at'),('t.txt','is there already'),('page.html','is there already'),
        ('plot.png','is there already'),('v.doc','must end in .html'),('r','must end in'),('nowhere.','must end in')):
        rc,out,err = in_process(f'look r keep.txt --html {to}', capsys, monkeypatch, tmp_path)
        assert rc==2 and says in err and not out, err
    assert (tmp_path/'t.txt').read_text()==text and all((tmp_path/nm).read_text()==o for nm,o in mine.items())
    for to in ('v.html','v.html','v.svg','v.svg','v.txt'): assert in_process(f'look r keep.txt --html {to}', capsys, monkeypatch, tmp_path)[0]==0
    assert in_process('look r keep.txt --html v.txt', capsys, monkeypatch, tmp_path)[0]==2             # a text does not say whose it is

def test_a_lone_model_is_not_replaced(capsys, monkeypatch, tmp_path):
    "A `model.safetensors` of other weights that has checkpoints or no page beside it: it might be the only one"
    trained(tmp_path, capsys, monkeypatch)
    other = fresh()
    for d in ('lone','site'): (tmp_path/d).mkdir()
    fn = other.save_trained(tmp_path/'lone/model.safetensors')
    shutil.copytree(tmp_path/'r', tmp_path/'r2')
    had = {p:p.read_bytes() for p in (fn,tmp_path/'r2/model.safetensors')}
    rc,out,err = in_process('html r lone', capsys, monkeypatch, tmp_path)
    assert rc==2 and 'lone/model.safetensors' in err and 'other weights' in err and os.listdir(tmp_path/'lone')==['model.safetensors'], err
    for to in ('lone','r2'):
        for o in (load_run(tmp_path/'r'),) if to=='lone' else (other,load_trained(fn)): pytest.raises(ValueError, o.to_folder, tmp_path/to).match('other weights')
    assert all(p.read_bytes()==b for p,b in had.items()) and not (tmp_path/'r2/index.html').exists()
    load_trained(fn).to_folder(tmp_path/'lone')                                    # its own page goes beside it
    other.to_folder(tmp_path/'site')
    assert in_process('html r site', capsys, monkeypatch, tmp_path)[0]==0          # what was made here is made anew
    fn.write_bytes(b'somebody else')
    (tmp_path/'lone/index.html').unlink()
    pytest.raises(ValueError, other.to_folder, tmp_path/'lone').match('other weights')

said_in = [('She said naïve things about the café.\n','latin-1','cp1252'), ('sea shells by the sea shore, naïve\n','latin-1','cp1252'), ('the café is open\n','cp1252','cp1252'),
    ('“café”\n','cp1252','cp1252'), ('naïve ','latin-1','cp1252'), ('Fährt der Zug über München, fragte Jürgen?\n','iso-8859-15','cp1252'),
    ('Привет, как дела? Все хорошо, спасибо большое. ','cp1251','cp1251'), ('Dobrý den, bydlím v Praze. Kůň pěkně běží přes řeku.\n','cp1250','cp1250'),
    ('これは日本語のテキストです。','shift_jis','cp932'), ('Καλημέρα σας, τι κάνετε σήμερα; ','cp1253','cp1253')]

@pytest.mark.parametrize('line,enc,first', said_in)
def test_a_common_encoding_is_guessed_first(line, enc, first, tmp_path):
    (tmp_path/'a.txt').write_bytes((line*60).encode(enc))
    with pytest.raises(CorpusError) as e: get_corpus(tmp_path/'a.txt')
    assert f'it may be {first}' in str(e.value), e.value
    assert get_corpus(tmp_path/'a.txt', encoding=first).text

def test_utf_8_is_guessed_where_another_was_named(tmp_path):
    (tmp_path/'a.txt').write_bytes('naïve cafés\n'.encode()*20)
    with pytest.raises(CorpusError, match='it may be utf-8'): get_corpus(tmp_path/'a.txt', encoding='ascii')

def test_one_length_of_a_fit(capsys, monkeypatch, tmp_path):
    (tmp_path/'t.txt').write_text(text)
    for more in ('','--preset 2min'):
        rc,out,err = in_process(f'train t.txt --run r --epochs 1 --minutes 1 {more}', capsys, monkeypatch, tmp_path)
        assert rc==2 and '--epochs' in err and '--minutes' in err and 'one of' in err and not (tmp_path/'r').exists(), err

@pytest.mark.parametrize('prompt', ['the','she sells',''])
def test_what_to_do_with_unknown_characters_is_checked_at_once(prompt):
    "Also where there are none"
    for o in (fresh(),):
        with pytest.raises(ValueError, match="unknown='foo' must be"): o.sample(prompt, 5, unknown='foo')
        for good in ('error','skip','relative','s'): o.sample(prompt, 5, unknown=good)

def test_a_share_that_leaves_nothing_names_the_split(capsys, monkeypatch, tmp_path):
    (tmp_path/'t.txt').write_text(text)
    for split in ('0.000001','0.999999'):
        rc,out,err = in_process(f'train t.txt --run r --split {split}', capsys, monkeypatch, tmp_path)
        assert rc==2 and f'--split {split}' in err and 'character' in err and len(err.splitlines())==1, err

@pytest.mark.parametrize('s', ['ab'*140,'é '*140,'a\0b'*90], ids=['long','bytes','nul'])
def test_a_short_text_is_no_path(s):
    "What no system takes for the name of a file"
    assert CharDataLoaders.from_text(s, bs=1, seq_len=8, split=0.2, device='cpu').train.n_chars>100

def test_arch_beside_a_model_is_refused_in_a_run_that_began_with_it(capsys, monkeypatch, tmp_path):
    trained(tmp_path, capsys, monkeypatch)
    begin = 'train t.txt --run s --from r --epochs 0.2'
    assert in_process(begin, capsys, monkeypatch, tmp_path)[0]==0
    for args in (f'{begin} --arch gru',f'{begin} --arch gru'.replace(' --from r', '')):
        rc,out,err = in_process(args, capsys, monkeypatch, tmp_path)
        assert rc==2 and 'leave out --arch' in err, err

@pytest.mark.parametrize('run', ['seed=1','runs/n=5','lr=0.01'])
def test_a_run_named_after_its_settings_keeps_its_name(run, capsys, monkeypatch, tmp_path):
    "A message has options in place of the keywords of Python, not in place of what somebody typed"
    err = in_process(f'sample {run}', capsys, monkeypatch, tmp_path)[2]
    assert f'no trained model in {run}:' in err and f'--run {run}`' in err, err
    (tmp_path/'t.txt').write_text(text)
    train = f'train t.txt --run {run} --n-hid 8 --precision fp32 --epochs'
    assert in_process(f'{train} .2', capsys, monkeypatch, tmp_path)[0]==0
    err = in_process(f'{train} .2 --seed 3', capsys, monkeypatch, tmp_path)[2]
    assert err.startswith(f'charrnn train: {run} ') and '--seed 0 in the run and 3 here' in err, err

@pytest.mark.parametrize('args,says', [('evaluate r --encoding latin-1','--encoding would'),
    ('evaluate r --glob *.md --newline lf','--glob, --newline would'), ('evaluate r t.txt --force-text','--force-text is about'),
    ('doctor r t.txt --force-text','--force-text is about')])
def test_an_option_that_would_do_nothing_is_refused(args, says, capsys, monkeypatch, tmp_path):
    trained(tmp_path, capsys, monkeypatch)
    rc,out,err = in_process(args, capsys, monkeypatch, tmp_path)
    assert rc==2 and not out and says in err and len(err.splitlines())==1, err
    assert in_process('evaluate r t.txt --encoding latin-1 --newline lf', capsys, monkeypatch, tmp_path)[0]==0

def test_the_hash_of_a_start_is_compared(capsys, monkeypatch, tmp_path):
    "Also where the run goes on, and the file is not read again"
    trained(tmp_path, capsys, monkeypatch)
    begin = f"train t.txt --run s --from r/model.safetensors --epochs .2 --sha256 {file_sha256(tmp_path/'r/model.safetensors')}"
    for _ in range(2): assert in_process(begin, capsys, monkeypatch, tmp_path)[0]==0
    rc,out,err = in_process(begin[:-64]+'0'*64, capsys, monkeypatch, tmp_path)
    assert rc==2 and '--sha256 '+'0'*64 in err, err
