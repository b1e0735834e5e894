"Everything in `charrnn_fa.text`"

from .documents import *
from .corpus import *
from .vocab import *
from .stream import *
from .ngrams import *
