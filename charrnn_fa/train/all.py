"Everything in `charrnn_fa.train`"

from .average import *
from .shapes import *
from .loss import *
from .yardstick import *
from .steps import *
from .trial import *
from .finetune import *
from .learner import *
from .scale import *
from .minutes import *
from .presets import *
