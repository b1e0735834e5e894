"Character-level RNN language models on fastai. Import everything: `from charrnn_fa import *`"

__version__ = "0.0.1"

from . import corpus,vocab,data,models,loss,learner,evaluation,sampling,store,checkpoint,runs,state,resume
from . import signin,backed,drive,colab,yardstick,patient,checks,symptoms,doctor
from .corpus import *
from .vocab import *
from .data import *
from .models import *
from .loss import *
from .learner import *
from .evaluation import *
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
from .yardstick import *
from .patient import *
from .checks import *
from .symptoms import *
from .doctor import *

__all__ = [*corpus.__all__, *vocab.__all__, *data.__all__, *models.__all__, *loss.__all__, *learner.__all__, *evaluation.__all__, *sampling.__all__,
    *store.__all__, *checkpoint.__all__, *runs.__all__, *state.__all__, *resume.__all__, *signin.__all__, *backed.__all__, *drive.__all__, *colab.__all__,
    *yardstick.__all__, *patient.__all__, *checks.__all__, *symptoms.__all__, *doctor.__all__]
