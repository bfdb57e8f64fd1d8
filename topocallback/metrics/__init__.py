"""The measures as metrics of torchmetrics."""
