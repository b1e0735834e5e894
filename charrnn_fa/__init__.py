"Character-level RNN language models on fastai. Import everything: `from charrnn_fa import *`"

import warnings

# fastai scripts a function when it is imported, and torch 2.14 warns of that: nothing that a reader could do anything about
warnings.filterwarnings('ignore', '`torch.jit.script` is', FutureWarning)

__version__ = "0.0.1"

# The names that a notebook needs; everything else is imported from its module, `from charrnn_fa.use.sampling import next_probs` say
__all__ = [
    # a text
    'get_corpus', 'Corpus', 'CorpusError', 'CharVocab', 'UnknownCharError', 'CharStream', 'get_stream', 'PositionSplitter', 'visible',
    # batches
    'CharBlock', 'CharStreamDL', 'CharDataLoaders',
    # models
    'CharRNN', 'Counted', 'n_params', 'reset_state',
    # training
    'CharLoss', 'ShapeError', 'char_accuracy', 'BitsPerChar', 'adamw', 'YardstickFoot', 'yardsticks',
    'CharLearner', 'char_learner', 'choose_size', 'PRESETS', 'HiddenOutputs', 'with_replay',
    # using
    'evaluate_codes', 'sample_text',
    # keeping
    'Resume', 'TrainedModel', 'load_trained', 'load_run', 'run_table', 'open_store', 'StoreError', 'CheckpointError', 'RunInUse',
    # Google Drive and Colab
    'setup_drive', 'find_secret', 'secret_file', 'DriveStore', 'runtime', 'upload_file', 'download_file',
    # the doctor
    'Doctor', 'Finding',
    # looking inside
    'ShowSamples', 'ShowLoss', 'memorised', 'compare_run', 'run_samples',
    # drawings
    'faces', 'Drawing', 'draw_grid', 'get_drawings', 'strokes_to_text', 'text_to_strokes',
]

def __getattr__(name):
    "Import everything when the first of the names is asked for: `import charrnn_fa.core` alone stays light, as the command line needs it"
    if name not in __all__: raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    from . import everything
    globals().update({o:getattr(everything,o) for o in __all__})
    return globals()[name]

def __dir__(): return sorted([*globals(), *__all__])
