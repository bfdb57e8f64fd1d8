"""From a forward pass to point clouds: choosing layers, choosing samples, one vector per sample.

Plain PyTorch: nothing here knows Lightning, and nothing here knows what the clouds are for.
"""
