this is not read = {
