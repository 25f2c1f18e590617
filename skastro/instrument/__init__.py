"""What a telescope does to maps: noise, beam, foregrounds, and what is subtracted again."""

__all__ = []
