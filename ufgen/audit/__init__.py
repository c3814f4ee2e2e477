"""The audit of an image set: what would flatter or spoil a study, found before any training."""
