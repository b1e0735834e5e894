"Files through the browser"
from pathlib import Path
from . import stub

def download(filename):
    "The browser saves the file; without one there is an error"
    if stub('browser') is False: raise RuntimeError('no browser is attached')
    Path('downloaded.txt').write_bytes(Path(filename).read_bytes())

def upload():
    "What the person chose, by name; empty if the dialog was closed"
    return {k:v.encode() for k,v in (stub('files') or {}).items()}
