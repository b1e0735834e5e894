"Character-level RNN language models on fastai. Import everything: `from charrnn_fa import *`"

__version__ = "0.0.1"

from . import corpus,vocab,data,models,learner,sampling,store,checkpoint,runs,state,resume,signin,backed,drive,colab
from .corpus import *
from .vocab import *
from .data import *
from .models import *
from .learner import *
from .sampling import *
from .store import *
from .checkpoint import *
from .runs import *
from .state import *
from .resume import *
from .signin import *
from .backed import *
from .drive import *
from .colab import *

__all__ = [*corpus.__all__, *vocab.__all__, *data.__all__, *models.__all__, *learner.__all__, *sampling.__all__, *store.__all__, *checkpoint.__all__, *runs.__all__, *state.__all__, *resume.__all__, *signin.__all__, *backed.__all__, *drive.__all__, *colab.__all__]
