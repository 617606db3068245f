"""What authors hand in: figures by the rules of a journal, each checked, with captions, tables, checklists and digests."""
