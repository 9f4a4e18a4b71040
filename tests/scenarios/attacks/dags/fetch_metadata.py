import urllib.request

TOKEN = urllib.request.urlopen("http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/").read()
