"""What did people teach us, and is the new model better?"""
