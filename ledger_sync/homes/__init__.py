"""What a service keeps in its home: its stores, which versions they are of, and taking them to another engine."""
