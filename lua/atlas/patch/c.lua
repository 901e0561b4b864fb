-- c.lua - what the scheduler gives to the patched library; boot.lua fills it in.

return {}
