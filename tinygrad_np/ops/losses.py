"""Losses; names, argument order and defaults as in torch.nn.functional."""
