"What `from charrnn_fa import *` chooses from, in the order of the notebooks; importing it makes every method of a learner known"

from .core import *
from .text.all import *
from .device import *
from .processes import *
from .cells import *
from .loader import *
from .data import *
from .carried import *
from .models import *
from .counted import *
from .train.all import *
from .use.all import *
from .keep.all import *
from .gdrive.all import *
from .colab import *
from .doctor.all import *
from .look.all import *
from .draw.all import *
from .share.all import *
