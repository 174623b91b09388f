"""Files of events: four formats in and out, of any size, in bounded memory. docs/files.md describes them."""
