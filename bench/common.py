"What these scripts share: the machine in words, a figure beside its goal, a table in a file"
import platform, time
from pathlib import Path
import torch

def cpu():
    "The processor's name, where the system tells it"
    try: return next(o.split(':')[1].strip() for o in Path('/proc/cpuinfo').read_text().splitlines() if o.startswith('model name'))
    except (OSError,StopIteration): return platform.processor() or platform.machine()

def machine():
    "Processor, threads and versions"
    return f'{cpu()}, {torch.get_num_threads()} threads, torch {torch.__version__}, Python {platform.python_version()}, {time.strftime("%Y-%m-%d")}'

def judged(x, goal, less=True):
    "Whether a figure reaches its goal, in words; '' where there is no goal"
    if goal is None: return ''
    return f'{goal:g}: reached' if (x<=goal if less else x>=goal) else f'{goal:g}: **missed**'

def save(lines, fn):
    "Write lines to a file, if there is one"
    if not fn: return
    Path(fn).parent.mkdir(parents=True, exist_ok=True)
    Path(fn).write_text('\n'.join([*lines,'']), encoding='utf-8')
