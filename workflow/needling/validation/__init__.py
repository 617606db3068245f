"""Does each kind of analysis keep what it promises, over many trials whose truth is known?"""
