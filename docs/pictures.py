"""The pictures of README and front page: `python docs/pictures.py`, after `make outputs`.

Each is a photograph, by Chromium, of an output that a notebook has saved, so it shows what the library drew. The badges say what settings.ini says."""
import io, json, sys
from configparser import ConfigParser
from html import escape
from pathlib import Path
from PIL import Image
from playwright.sync_api import sync_playwright

root   = Path(__file__).resolve().parent.parent
images = root/'nbs/images'
sys.path.insert(0, str(root/'tests'))

def output(nb, code):
    "The HTML that the first cell with `code` in it shows"
    for c in json.loads((root/'nbs'/nb).read_text(encoding='utf-8'))['cells']:
        if code in ''.join(c['source']):
            for o in c.get('outputs', []):
                if 'text/html' in o.get('data', {}): return ''.join(o['data']['text/html'])
    raise ValueError(f'{nb} has no saved picture of {code!r}: python docs/outputs.py nbs/{nb}')

# Name, notebook, code of the cell, width in pixels, and colour schemes: faces are drawn on paper in both
shots = [('faces', 'tutorials/draw_faces.ipynb', 'drawn = learn.draw(18', 630, ['light']),
    ('surprise', 'tutorials/quickstart.ipynb', 'learn.surprise(', 640, ['light','dark'])]

def photograph(browser, html, width, scheme='light'):
    "A PNG of some HTML at twice its size, with as few colours as it needs"
    page = browser.new_page(viewport=dict(width=width, height=200), device_scale_factor=2, color_scheme=scheme)
    page.set_content(f'<body style="margin:0;background:{"#121212" if scheme=="dark" else "#fff"}"><div id="shot" style="padding:6px">{html}</div></body>')
    page.wait_for_timeout(500)
    png = page.locator('#shot').screenshot()
    page.close()
    res = io.BytesIO()
    Image.open(io.BytesIO(png)).convert('RGB').quantize(32).save(res, 'PNG', optimize=True)
    return res.getvalue()

def badge(label, value):
    "A badge as SVG, in the usual look, from this folder and not from a server"
    a,b = [7*len(o)+14 for o in (label,value)]
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{a+b}" height="20" role="img" aria-label="{escape(label)}: {escape(value)}">'
        f'<rect width="{a+b}" height="20" rx="3" fill="#555"/><path d="M{a} 0h{b-3}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3h-{b-3}z" fill="#2171b5"/>'
        f'<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
        f'<text x="{a/2:g}" y="14">{escape(label)}</text><text x="{a+b/2:g}" y="14">{escape(value)}</text></g></svg>\n')

def badges():
    "The badges by the name of their file"
    ini = ConfigParser(delimiters=['='])
    ini.read(root/'settings.ini', encoding='utf-8')
    cfg    = ini['DEFAULT']
    fastai = next(o for o in cfg['requirements'].split() if o.startswith('fastai'))
    return {'badge-version.svg':badge('version', cfg['version']), 'badge-python.svg':badge('python', f'{cfg["min_python"]} and later'),
        'badge-fastai.svg':badge('fastai', f'{fastai.split(">=")[1]} and later'), 'badge-license.svg':badge('license', cfg['license'])}

def main():
    from conftest import chromium,quiet
    for k,v in badges().items(): (images/k).write_text(v, encoding='utf-8')
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=chromium(), args=quiet)
        for fn,nb,code,width,schemes in shots:
            for scheme in schemes:
                png = photograph(browser, output(nb, code), width, scheme)
                (images/f'{fn}{"-dark" if scheme=="dark" else ""}.png').write_bytes(png)
                print(f'{fn}, {scheme}: {len(png):,} bytes')
        browser.close()

if __name__=='__main__': main()
