"Character-level RNN language models on fastai. Import everything: `from charrnn_fa import *`"

__version__ = "0.0.1"

from . import corpus,vocab,data,models,learner,sampling,checkpoint,doctor
from .corpus import *
from .vocab import *
from .data import *
from .models import *
from .learner import *
from .sampling import *
from .checkpoint import *
from .doctor import *

__all__ = [*corpus.__all__, *vocab.__all__, *data.__all__, *models.__all__, *learner.__all__, *sampling.__all__, *checkpoint.__all__,
    *doctor.__all__]
