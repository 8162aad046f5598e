# A node with AMD's board of eight MI355X. U, weight, node power and adapters are unknown.
server "mi355x_ubb8" {
  vendor   = "AMD"
  summary  = "8x MI355X on a UBB 2.0 board, liquid"
  source   = "second-hand: press coverage of MI350 and MI355X"
  verified = false

  form {
    cooling = "liquid"
  }

  gpu { # 1400 W each
    manufacturer = "AMD"
    model        = "MI355X"
    count        = 8
  }
}
