"Training on: characters are matched by what they are, never by their codes"
import contextlib,functools,http.server,re,shutil,threading
import numpy as np, pytest, torch
from types import SimpleNamespace
from fastai.basics import Callback,set_seed
from charrnn_fa.everything import *
from charrnn_fa.cli import main
from charrnn_fa.shell.read import start_model
from conftest import root

old_text = 'she sells sea shells by the sea shore. '*60
new_text = 'SHE SELLS café crème, naïve ２ sea shells? '*60

def make(text, arch='gru', **kwargs):
    set_seed(0)
    dls = CharDataLoaders.from_text(text, bs=4, seq_len=16, device='cpu')
    return char_learner(dls, arch, precision='fp32', **kwargs)

def fit(learn, n=60):
    with learn.no_bar(), learn.no_logging(): learn.fit_steps(n, 1e-2)
    return learn

def permuted(model, vocab, seed=0):
    "The same model with its characters in another order, made by hand: a vocabulary, and the model it belongs to"
    order = torch.randperm(len(vocab), generator=torch.Generator().manual_seed(seed)).tolist()
    ws = {k:v.clone() for k,v in model.state_dict().items()}
    for k,v in ws.items():
        if k in ('emb.weight','head.weight','head.bias'): ws[k] = v[order]
        elif not model.config['n_emb'] and ('weight_ih_l0' in k or k=='rnn.zh.0.weight'): ws[k] = v[:,order]
    res = CharRNN(**model.config)
    res.load_state_dict(ws)
    return res,SimpleNamespace(itos=[vocab.itos[i] for i in order])

kinds = [dict(arch='gru', n_hid=16), dict(arch='lstm', n_hid=16, n_emb=0), dict(arch='mingru', n_hid=16, n_emb=0, n_layers=2), dict(arch='mingru', n_hid=16),
    dict(arch='rnn', n_hid=16, n_emb=16, tie=True), dict(arch='lstm', n_hid=16, weight_drop=0.1, n_emb=0), dict(arch='gru', n_hid=16, learn_init=True),
    dict(arch='lstm', n_hid=16, n_cells=2, n_emb=0)]

@pytest.mark.parametrize('kw', kinds)
def test_a_permuted_vocabulary_gives_the_same_loss(kw):
    learn = fit(make(old_text, **kw), 20)
    want  = learn.evaluate().nats
    model,vocab = permuted(learn.model, learn.vocab)
    codes = learn.dls.valid.codes
    assert abs(evaluate_codes(model, codes).nats-want)>0.1                             # as it is: a substitution cipher
    again = char_learner(learn.dls, SimpleNamespace(model=model, vocab=vocab), precision='fp32')
    assert again.evaluate().nats==pytest.approx(want, abs=1e-5)

def test_what_becomes_of_each_character():
    a = fit(make(old_text, n_hid=16))
    b = make(new_text, a)
    m = match_vocabs(a.vocab, b.vocab)
    assert m.borrowed['S']=='s' and m.borrowed['é']=='e' and m.borrowed['è']=='e' and 'ï' in m.new
    assert '２' in m.new and '?' in m.new and '.' in m.lost and 's' in m.kept
    code = lambda v,c: v.itos.index(c)
    for part in ('emb.weight','head.weight','head.bias'):
        w,u = a.model.state_dict()[part],b.model.state_dict()[part]
        for c in m.kept: assert torch.equal(u[code(b.vocab, c)], w[code(a.vocab, c)])
        for c,r in m.borrowed.items(): assert torch.equal(u[code(b.vocab, c)], w[code(a.vocab, r)])
        for c in m.new: assert torch.allclose(u[code(b.vocab, c)], w.mean(0))
    for k,w in a.model.state_dict().items():
        if k.startswith('rnn.'): assert torch.equal(w, b.model.state_dict()[k])

def test_a_trained_file_a_run_and_a_learner(tmp_path, capsys):
    a = make(old_text, n_hid=16)
    with a.no_bar(), a.no_logging(): a.fit_steps(60, 1e-2, cbs=Resume(tmp_path/'run'))
    made = [char_learner(a.dls, o, precision='fp32') for o in (a, load_trained(a.save_trained(tmp_path/'m.safetensors')), load_run(str(tmp_path/'run')))]
    for b in made: assert b.evaluate().nats==pytest.approx(a.evaluate().nats, abs=1e-6)
    assert '0 borrowed, 0 new, 0 lost' in capsys.readouterr().out
    fit(made[0], 5)
    assert not torch.equal(made[0].model.emb.weight, a.model.emb.weight) and torch.equal(made[1].model.emb.weight, a.model.emb.weight)

def test_it_begins_better_and_says_what_it_knew(capsys):
    a = fit(make(old_text, n_hid=32), 150)
    text = 'the shore sells shells. she sees the sea by the shells. '*40
    b,c  = make(text, a),make(text, n_hid=32)
    assert 'of the new text that it can read, its loss is' in capsys.readouterr().out
    assert b.evaluate().nats<c.evaluate().nats-0.5
    got = fit(b, 60).learnt(old_text)
    (new0,new1),(old0,old1) = got['new text'],got['old text']
    assert new1<new0 and old1>old0 and 'forgotten' in repr(got) and 'bits' in repr(got)
    kept = make(text, a)
    kept.dls = with_replay(kept.dls, old_text, 0.4, piece=100)
    assert fit(kept, 60).learnt(old_text)['old text'][1]<old1
    with pytest.raises(ValueError, match='random weights'): c.learnt()

def test_learnt_compares_like_with_like():
    "A model that lacks a fifth of the characters reads an easier text: its loss is shown, and no verdict drawn from it"
    a = fit(make(old_text, n_hid=32), 60)
    b = fit(make('she ßells ßea ßhells by the ßea. '*40, a), 5)
    said = repr(b.learnt(old_text)).splitlines()
    share = 1-'she ßells ßea ßhells by the ßea. '.count('ß')/33
    assert f'before over {share:.0%} of it, after over 100%' in said[0] and 'learnt' not in said[0] and 'forgotten' not in said[0]

def test_shared_loss_is_the_loss_where_all_is_shared():
    a = fit(make(old_text, n_hid=16))
    loss,share = shared_loss(a.model, a.vocab, old_text, rows=1)
    assert share==1 and loss==pytest.approx(a.evaluate(old_text).nats, abs=1e-4)
    assert shared_loss(a.model, a.vocab, 'ЖЖЖ')==(None,0)
    assert shared_loss(a.model, a.vocab, 'she Ж'*40)[1]==pytest.approx(0.8)

def test_counts_are_those_of_the_new_text():
    a = fit(make(old_text, n_hid=16, counts=3), 20)
    b = make(new_text, a)
    assert type(b.model).__name__=='Counted' and b.model.tables.n_vocab==len(b.vocab) and b.model.tables.order==a.model.tables.order
    fit(b, 5)
    assert b.evaluate().nats<2

def test_what_does_not_go():
    a = make(old_text, n_hid=16)
    with pytest.raises(ValueError, match='brings its sizes'): char_learner(a.dls, a, n_hid=32)
    with pytest.raises(ValueError, match='leave out `n_emb`, `tie`'): char_learner(a.dls, a, n_emb=32, tie=True)
    with pytest.raises(ValueError, match='leave out `n_cells`'): char_learner(a.dls, a, n_cells=1)
    with pytest.raises(ValueError, match='leave out `n_hid`, `dropout`'): char_learner(a.dls, CharRNN(len(a.vocab), n_hid=8), n_hid=16, dropout=0.1)
    with pytest.raises(ValueError, match='trained model'): char_learner(a.dls, 7)
    with pytest.raises(ValueError, match='Sequential'): char_learner(a.dls, SimpleNamespace(model=torch.nn.Sequential(), vocab=a.vocab))
    for share in (0,1,-0.1): pytest.raises(ValueError, with_replay, a.dls, old_text, share)

def test_fine_tune_minutes(tmp_path, capsys):
    a = fit(make(old_text, n_hid=16))
    b = make(new_text, a)
    was = [o.detach().clone() for o in b.model.parameters()]
    with b.no_bar(), b.no_logging(): b.fine_tune_minutes(0.01, spread=10, passes=None)
    assert all(p.requires_grad and not torch.equal(p, q) for p,q in zip(b.model.parameters(), was))
    hi,lo = [h['lr'] for h in b.opt.hypers][::-2]
    assert hi/lo==pytest.approx(10)
    with pytest.raises(ValueError, match='two fits'): b.fine_tune_minutes(0.01, cbs=Resume(tmp_path))
    capsys.readouterr()
    with b.no_bar(), b.no_logging(): b.fine_tune_minutes(5, head=0.25, passes=2)        # minutes: it is to end long before
    n = 2*len(b.dls.train)
    assert b.train_iter==round(0.75*n) and f'2 passes over the text, {n:,} steps' in capsys.readouterr().out
    assert len({h['lr'] for h in b.opt.hypers})==1

def test_counts_can_be_mixed():
    a = fit(make(old_text, n_hid=16, counts=4), 20)
    text = 'she sees the ж sea. shells, shore '*40
    plain,b = make(text, a),make(text, a, old_counts=0.3)
    new = plain.model.counts
    assert b.model.tables.order==a.model.tables.order and [len(t['ctx']) for t in b.model.counts.tables]>[len(t['ctx']) for t in new.tables]
    def probs(counts, vocab, s): return count_rows(counts, vocab.encode(s).astype(np.int64)[None])[0]
    both,old,new = probs(b.model.counts, b.vocab, 'she'),probs(a.model.counts, a.vocab, 'she'),probs(new, b.vocab, 'she')
    same = [c for c in b.vocab.itos if c in a.vocab]
    # 'she' is in both texts, and so is each end of it: every order is mixed, so a character that both know lies between the two
    for c in same:
        p,q = old[a.vocab.stoi[c]],new[b.vocab.stoi[c]]
        assert min(p, q)-1e-4<=both[b.vocab.stoi[c]]<=max(p, q)+1e-4
    was,only,none = (probs(o.model.counts, o.vocab, 'a s')[o.vocab.stoi['h']] for o in (a,b,plain))
    assert none<was-0.1 and abs(only-was)<0.1                          # 'a s' is in the old text alone
    assert both.sum()==pytest.approx(1, abs=1e-5) and both[b.vocab.stoi['ж']]>0
    assert evaluate_codes(fit(b, 5).model, b.vocab.encode(old_text, 'skip')).nats<evaluate_codes(fit(plain, 5).model, plain.vocab.encode(old_text, 'skip')).nats
    for x,kw in ((a,dict(old_counts=1.5)), ('lstm',dict(old_counts=0.5)), (make(old_text, n_hid=16),dict(old_counts=0.5))):
        with pytest.raises(ValueError, match='old_counts'): make(text, x, **kw)

def test_a_run_with_mixed_counts_resumes_without_the_start(tmp_path):
    a = fit(make(old_text, n_hid=16, counts=3), 20)
    def go(arch, run, stop=None, **kw):
        learn = make(new_text, arch, **kw)
        class Stop(Callback):
            def after_batch(self):
                if self.training and self.train_iter==stop: raise KeyboardInterrupt
        try:
            with learn.no_bar(), learn.no_logging(): learn.fit_steps(40, 1e-2, cbs=[Resume(run, every=5), Stop()])
        except KeyboardInterrupt: pass
        return learn
    whole = go(a, tmp_path/'whole', old_counts=0.4)
    go(a, tmp_path/'run', stop=23, old_counts=0.4)
    model = trained_model(newest_checkpoint(tmp_path/'run')[1]).model
    again = go(model, tmp_path/'run', counts=model.tables.order)
    for k,w in whole.model.state_dict().items(): assert torch.equal(w, again.model.state_dict()[k]), k
    assert float(whole.model.weight)!=0.7

def weights(run): return load_trained(run/MODEL_FILE).model.state_dict()

@pytest.mark.parametrize('opts', [[], ['--old-counts','0.3']], ids=['anew','mixed'])
def test_the_command_starts_from_a_model_and_resumes_without_it(tmp_path, monkeypatch, capsys, opts):
    monkeypatch.chdir(tmp_path)
    (tmp_path/'mine.txt').write_text(new_text)
    fit(make(old_text, n_hid=16, counts=3), 20).save_trained('base.safetensors')
    cmd = 'train mine.txt --run run --epochs 6 --every 7 --bs 4 --seq-len 16 --precision fp32'.split()
    assert main([*cmd, '--from','base.safetensors',*opts])==0
    said = capsys.readouterr().err
    assert 'borrowed (E from e' in said and 'new text: ' in said
    assert load_run('run').info['train']['start']['name']==str(tmp_path/'base.safetensors')
    shutil.copytree('run', 'whole')
    # as after a kill: the first checkpoint that is left is the newest; and the model that it began with is gone
    for o in checkpoints('run')[1:]: (tmp_path/'run'/o.name).unlink()
    (tmp_path/'run'/MODEL_FILE).unlink()
    (tmp_path/'base.safetensors').rename('gone')
    assert 0<step_and_phase(checkpoints('run')[0].name)[0]<step_and_phase(checkpoints('whole')[-1].name)[0]
    assert main([*cmd,*opts])==0
    a,b = weights(tmp_path/'whole'),weights(tmp_path/'run')
    assert all(torch.equal(a[k], b[k]) for k in a)
    for more,says in ((['--from','other.safetensors'],'leave out --from'), (['--old-counts','0.7'],'other settings'), (['--n-hid','8'],'brings its sizes')):
        assert main([*cmd,*more])==2 and says in capsys.readouterr().err

def test_the_command_says_what_it_cannot_start_from(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path/'mine.txt').write_text(new_text)
    a = fit(make(old_text, n_hid=16), 5)
    a.save_trained('base.safetensors')
    cmd = 'train mine.txt --run run --epochs 1 --bs 4 --seq-len 16 --precision fp32'.split()
    for opts,says in ((['--from','nothing'],'There is no file or run'), (['--from','base.safetensors','--sha256','ab'],'its sha256 is'), (['--sha256','ab'],'go with --from'),
        (['--from','base.safetensors','--old-counts','0.5'],'this one has none')):
        assert main([*cmd,*opts])==2 and says in capsys.readouterr().err
    with a.no_bar(), a.no_logging(): a.fit_steps(3, cbs=Resume('run'))
    assert main([*cmd,'--from','base.safetensors'])==2 and 'random weights' in capsys.readouterr().err

@contextlib.contextmanager
def served(folder):
    "The address of a folder"
    files = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(('127.0.0.1',0), files) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        try: yield f'http://127.0.0.1:{web.server_port}'
        finally: web.shutdown()

def test_a_model_is_made_kept_and_started_from(tmp_path, monkeypatch, capsys):
    "The commands of `make model`; then the one of the model card that they write, with the file at an address"
    monkeypatch.setenv('CHARRNN_CACHE', str(tmp_path/'cache'))
    monkeypatch.chdir(tmp_path)
    (tmp_path/'old.txt').write_text(old_text)
    (tmp_path/'mine.txt').write_text(new_text)
    made = [o.partition('charrnn ')[2] for o in (root/'Makefile').read_text().partition('\nmodel:')[2].partition('\n\n')[0].splitlines()[1:]]
    assert [o.split()[0] for o in made]==['train','html']
    small = {'$(notdir $(model))':'m', '$(model)':'out', 'shakespeare':'old.txt', 'ROMEO:':'she', '--minutes $(minutes)':'--epochs 2 --n-hid 16 --bs 4 --seq-len 16 --precision fp32'}
    for cmd in made:
        for k,v in small.items(): cmd = cmd.replace(k, v)
        assert main(cmd.split())==0
    sha = file_sha256('out/model.safetensors')
    assert f'sha256 {sha}' in capsys.readouterr().out
    line = re.search('charrnn (train .*--from.*)', (tmp_path/'out/README.md').read_text())[1]
    with served(tmp_path/'out') as url:
        cmd = line.replace('--from ', f'--from {url}/')+' --epochs 2 --bs 4 --seq-len 16 --precision fp32'
        assert main(cmd.replace(sha, '0'*64).split())==2 and 'another file' in capsys.readouterr().err
        assert main(cmd.split())==0
    start = load_run('runs/mine').info['train']['start']
    assert 'kept' in capsys.readouterr().err and (start['name'],start['sha256'])==(f'{url}/model.safetensors',sha)

def test_a_model_from_an_address(tmp_path, monkeypatch):
    monkeypatch.setenv('CHARRNN_CACHE', str(tmp_path/'cache'))
    a  = fit(make(old_text, n_hid=16), 5)
    fn = a.save_trained(tmp_path/'web'/'m.safetensors')
    with served(tmp_path/'web') as web:
        url,right = f'{web}/m.safetensors',file_sha256(fn)
        with pytest.raises(CorpusError, match='another file'): load_trained(url, sha256='0'*64)
        got = load_trained(url, sha256=right.upper())
    assert torch.equal(got.model.emb.weight, a.model.emb.weight)
    assert load_trained(url, sha256=right).vocab==a.vocab                # fetched once
    assert start_model(str(fn))[1]==dict(name=str(fn), sha256=None) and start_model(str(fn), right)[1]['sha256']==right

@pytest.mark.parametrize('n', [300,1000,2500,40_000])
@pytest.mark.parametrize('share', [0.1,0.5])
def test_replay_is_the_share_that_was_asked_for(n, share):
    "Whatever the length of the text: counted by characters that only the old text has"
    dls = CharDataLoaders.from_corpus(('new words, '*4000)[:n], bs=1, seq_len=8, split=0.1, device='cpu', vocab=CharVocab('new words,Z'), unknown='skip')
    codes = np.asarray(with_replay(dls, 'Z'*50, share).train.codes)
    assert abs((codes==dls.vocab.stoi['Z']).mean()-share)<2/len(codes)

def test_yardsticks_of_a_text_with_replay_are_its_own():
    "Also where those of the text alone were worked out before, as every fit does"
    a,b = (make(new_text, n_hid=16).dls for _ in range(2))
    was = yardsticks(a)
    got,want = (yardsticks(with_replay(o, old_text, 0.5)) for o in (a,b))
    assert got.ngram==want.ngram!=was.ngram and yardsticks(a) is was

@pytest.mark.parametrize('verb', [lambda o, cb: o.fine_tune(1, 1e-3, freeze_epochs=1, cbs=cb), lambda o, cb: o.fine_tune_minutes(5, head=0.5, passes=2, cbs=cb)])
def test_the_doctor_lets_a_head_be_trained_first(verb, capsys):
    "What fine-tuning freezes for a while is no fault, nor what somebody freezes in order to tune by hand"
    a,cb = fit(make(old_text, n_hid=16)),Doctor(every=5, share=100)
    b = make(new_text, a)
    with b.no_bar(), b.no_logging(): verb(b, cb)
    assert 'frozen' not in capsys.readouterr().out and not b.head_first and all(p.requires_grad for p in b.model.parameters())
    b.freeze()
    with b.no_bar(), b.no_logging(): b.fit_steps(20, cbs=cb)
    assert 'frozen' not in cb.findings.names
