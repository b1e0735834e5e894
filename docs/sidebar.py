"The pages of the site, as nbs/sidebar.yml lists them"
from pathlib import Path
import yaml

root = Path(__file__).resolve().parent.parent

def sections():
    "Title of each section, and its notebooks"
    for o in yaml.safe_load((root/'nbs/sidebar.yml').read_text(encoding='utf-8'))['website']['sidebar']['contents']: yield o['section'],o['contents']

def pages():
    "Every page, in order"
    return [nb for _,nbs in sections() for nb in nbs]
