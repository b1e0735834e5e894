"Character-level RNN language models on fastai. Import everything: `from charrnn_fa import *`"

__version__ = "0.0.1"

from . import documents,corpus,vocab,stream,data,models,loss,yardstick,steps,learner,evaluation,sampling,store
from . import checkpoint,runs,state,resume,signin,backed,link,drive,colab,patient,checks,symptoms,progress,doctor
from .documents import *
from .corpus import *
from .vocab import *
from .stream import *
from .data import *
from .models import *
from .loss import *
from .yardstick import *
from .steps import *
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
from .link import *
from .drive import *
from .colab import *
from .patient import *
from .checks import *
from .symptoms import *
from .progress import *
from .doctor import *

__all__ = [*documents.__all__, *corpus.__all__, *vocab.__all__, *stream.__all__, *data.__all__, *models.__all__, *loss.__all__, *yardstick.__all__,
    *steps.__all__, *learner.__all__, *evaluation.__all__, *sampling.__all__, *store.__all__, *checkpoint.__all__, *runs.__all__,
    *state.__all__, *resume.__all__, *signin.__all__, *backed.__all__, *link.__all__, *drive.__all__, *colab.__all__,
    *patient.__all__, *checks.__all__, *symptoms.__all__, *progress.__all__, *doctor.__all__]
