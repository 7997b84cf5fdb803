"""The web page and the HTTP service: photos come in over the network, answers and bins go out."""
