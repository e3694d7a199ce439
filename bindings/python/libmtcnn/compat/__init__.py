"""Drop-in replacements for other packages: one line to change, `from libmtcnn.compat.NAME import MTCNN`.

They have the calls and the output of those packages, over this package's detector; docs/python.md says where the
results differ, and why. The packages themselves are neither needed nor imported.
"""
