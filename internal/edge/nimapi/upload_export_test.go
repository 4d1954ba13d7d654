package nimapi

// ReadPairs lets tests reach the parser of upload forms.
var ReadPairs = readPairs
