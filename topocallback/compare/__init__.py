"""Comparing checkpoints, models and recorded runs, layer by layer.

``functions.py`` is what people call, with the options of ``options.py``. A ``study.py`` loads models
(``checkpoints.py``), records them (``recording.py``) and measures them; ``comparable.py`` puts what can be compared
into one ``Comparison``, whose distances ``blocks.py`` computes as jobs (``jobs.py``) and ``store.py`` keeps: under a
hash of the model and its code (``contents.py``, ``origins.py``), the data (``passes.py``) and the ``environment.py``.
``experiments.py`` and ``difference.py`` are the paper's experiments, and a test of two clouds.
"""
