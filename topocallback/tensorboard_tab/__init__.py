"""The Topology tab of TensorBoard. What TensorBoard loads at its start is in ``plugin``."""
