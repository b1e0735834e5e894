"Everything in `charrnn_fa.train`"

from .shapes import *
from .loss import *
from .yardstick import *
from .average import *
from .steps import *
from .bar import *
from .optim import *
from .weigh import *
from .trial import *
from .finetune import *
from .learner import *
from .fit import *
from .preds import *
from .build import *
from .scale import *
from .minutes import *
from .presets import *
