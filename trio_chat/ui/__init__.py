"""What a person sees and types: line mode, and the models that every interface shares."""
