"Package metadata comes from settings.ini; edit it there."
from configparser import ConfigParser
from pathlib import Path
from setuptools import find_packages, setup

ini = ConfigParser(delimiters=['='])
ini.read('settings.ini', encoding='utf-8')
cfg = ini['DEFAULT']
name = cfg['lib_name']
statuses = '1 - Planning;2 - Pre-Alpha;3 - Alpha;4 - Beta;5 - Production/Stable'.split(';')
status = f"Development Status :: {statuses[int(cfg['status'])-1]}"

setup(
    version=cfg['version'],
    keywords=cfg['keywords'].split(),
    author=cfg['author'],
    license_expression=cfg['license'],
    python_requires='>=' + cfg['min_python'],
    classifiers=[status, 'Intended Audience :: Developers', 'Programming Language :: Python :: 3 :: Only'],
    install_requires=cfg['requirements'].split(),
    extras_require=dict(dev=cfg['dev_requirements'].split(), draw=cfg['draw_requirements'].split()),
    packages=find_packages(include=[name, f'{name}.*']), package_data={name:['**/*.js','**/*.css','**/*.html']},
    entry_points=dict(console_scripts=cfg['console_scripts'].split(), nbdev=[f'{name}={name}._modidx:d']),
    long_description=Path('README.md').read_text(encoding='utf-8'), long_description_content_type='text/markdown')
