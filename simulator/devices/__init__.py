"""``bayplan devices``: the device catalogue on the terminal.

- ``command``: what the commands do
- ``table``: tables of products, profiles and layouts
- ``report``: the same as JSON
- ``overrides``: figures of one's own for products of the catalogue
"""
