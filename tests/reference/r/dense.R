# A mixed model written out in full: one dense covariance matrix over all rows, its derivatives in the natural parameters,
# Newton steps on the exact information. Slow, short, and sharing nothing with the engine that it checks. Where a package
# can fit the same model, references.R stops if the two disagree; where none can, this is the reference.
#
#   V = sum over components of (Z S(theta) Z') * mask, S a small covariance matrix, mask the pairs of rows that share it.
#
# Natural parameters: variances, covariances and correlations as PROC MIXED names them, so that the second-derivative term
# of Kenward-Roger vanishes where the structure is linear (unstructured, compound symmetry, Toeplitz, random effects).

library(numDeriv)

lag <- function(k) abs(outer(seq_len(k), seq_len(k), "-"))

scale_by <- function(correlation, variances) correlation * outer(sqrt(variances), sqrt(variances))

# Correlation of visits i < j under first-order ante-dependence: the product of the neighbours' correlations between them.
antedependence <- function(rho) {
  k <- length(rho) + 1
  outer(seq_len(k), seq_len(k), Vectorize(function(i, j) {
    if (i == j) 1 else prod(rho[min(i, j):(max(i, j) - 1)])
  }))
}

unstructured <- function(theta, k) {
  S <- matrix(0, k, k)
  S[lower.tri(S, TRUE)] <- theta
  S + t(S) - diag(diag(S), k)
}

# Each structure over k visits: covariance from natural parameters, a starting point from a variance v.
structures <- list(
  iid = list(cov = function(theta, k) diag(theta, k), start = function(v, k) v),
  diagonal = list(cov = function(theta, k) diag(theta, k), start = function(v, k) rep(v, k)),
  unstructured = list(
    cov = unstructured,
    start = function(v, k) { S <- v * (0.5 + diag(0.5, k)); S[lower.tri(S, TRUE)] }
  ),
  compound_symmetry = list(
    cov = function(theta, k) matrix(theta[2], k, k) + diag(theta[1] - theta[2], k),
    start = function(v, k) c(v, 0.2 * v)
  ),
  compound_symmetry_het = list(
    cov = function(theta, k) scale_by(matrix(theta[k + 1], k, k) + diag(1 - theta[k + 1], k), theta[1:k]),
    start = function(v, k) c(rep(v, k), 0.3)
  ),
  ar1 = list(cov = function(theta, k) theta[1] * theta[2]^lag(k), start = function(v, k) c(v, 0.3)),
  ar1_het = list(
    cov = function(theta, k) scale_by(theta[k + 1]^lag(k), theta[1:k]),
    start = function(v, k) c(rep(v, k), 0.3)
  ),
  toeplitz = list(cov = function(theta, k) toeplitz(theta), start = function(v, k) v * c(1, rep(0.2, k - 1))),
  toeplitz_het = list(
    cov = function(theta, k) scale_by(toeplitz(c(1, theta[(k + 1):(2 * k - 1)])), theta[1:k]),
    start = function(v, k) c(rep(v, k), rep(0.2, k - 1))
  ),
  antedependence = list(
    cov = function(theta, k) theta[1] * antedependence(theta[-1]),
    start = function(v, k) c(v, rep(0.3, k - 1))
  ),
  antedependence_het = list(
    cov = function(theta, k) scale_by(antedependence(theta[(k + 1):(2 * k - 1)]), theta[1:k]),
    start = function(v, k) c(rep(v, k), rep(0.3, k - 1))
  )
)

same <- function(labels) outer(as.character(labels), as.character(labels), "==") * 1

small_component <- function(name, structure, Z, mask) {
  force(mask)  # promises would otherwise all see the last turn of the caller's loop
  force(name)
  force(structure)
  k <- ncol(Z)
  list(
    name = name, levels = if (is.null(colnames(Z))) "" else colnames(Z), k = k,
    start = function(v) structures[[structure]]$start(v, k),
    small = function(theta) structures[[structure]]$cov(theta, k),
    expand = function(S) (Z %*% S %*% t(Z)) * mask
  )
}

# Continuous time: variance * exp(-distance / range), as SP(EXP) of PROC MIXED.
exponential_component <- function(name, time, mask) {
  distance <- abs(outer(time, time, "-"))
  pairs <- mask > 0
  diag(pairs) <- TRUE
  list(
    name = name, levels = NULL, k = length(time),
    start = function(v) c(v, 10),
    small = function(theta) {
      if (theta[2] <= 0) return(-diag(length(time)))
      theta[1] * exp(-distance / theta[2]) * pairs
    },
    expand = function(S) S * mask
  )
}

dense_components <- function(spec, data) {
  components <- list()
  grouping <- list()
  if (!is.null(spec$random)) {
    Z <- model.matrix(as.formula(paste("~", spec$random)), data)
    structure <- if (isFALSE(spec$correlated)) "diagonal" else "unstructured"
    components <- c(components, list(small_component("random", structure, Z, same(data[[spec$subject]]))))
  }
  for (cluster in names(spec$cluster)) {
    Z <- model.matrix(as.formula(paste("~", spec$cluster[[cluster]])), data)
    components <- c(components, list(small_component(cluster, "unstructured", Z, same(data[[cluster]]))))
  }
  weight <- if (is.null(spec$weights)) rep(1, nrow(data)) else data[[spec$weights]]
  residual <- spec$residual
  by <- if (is.null(residual$by)) rep("", nrow(data)) else as.character(data[[residual$by]])
  for (group in sort(unique(by))) {
    name <- if (group == "") "residual" else paste0("residual:", group)
    scale <- outer(by == group, by == group) / sqrt(outer(weight, weight))
    within <- same(data[[spec$subject]]) * scale
    components <- c(components, list(
      if (is.null(residual) || residual$structure == "iid") {
        small_component(name, "iid", matrix(1, nrow(data), 1), diag(nrow(data)) * scale)
      } else if (residual$structure == "exponential") {
        exponential_component(name, data[[residual$time]], within)
      } else {
        visit <- factor(data[[residual$visit]])
        Z <- outer(as.character(visit), levels(visit), "==") * 1
        colnames(Z) <- levels(visit)
        small_component(name, residual$structure, Z, within)
      }
    ))
  }
  components
}

split_theta <- function(theta, components) {
  sizes <- vapply(components, function(part) length(part$start(1)), 1L)
  split(theta, rep(factor(seq_along(sizes)), sizes))
}

dense_covariance <- function(theta, components) {
  pieces <- split_theta(theta, components)
  Reduce(`+`, Map(function(part, own) part$expand(part$small(own)), components, pieces))
}

# V and its first and second derivatives; second derivatives across components vanish.
dense_derivatives <- function(theta, components) {
  pieces <- split_theta(theta, components)
  q <- length(theta)
  first <- vector("list", q)
  second <- matrix(vector("list", q * q), q, q)
  offset <- 0
  for (c in seq_along(components)) {
    part <- components[[c]]
    own <- pieces[[c]]
    p <- length(own)
    # Steps of 2 %: with numDeriv's own 0.01 % the second derivatives lose ten digits to rounding, with these two.
    D <- genD(function(x) as.vector(part$small(x)), own, method.args = list(d = 0.02))$D
    expand <- function(column) part$expand(matrix(D[, column], part$k, part$k))
    for (i in seq_len(p)) first[[offset + i]] <- expand(i)
    column <- p
    for (i in seq_len(p)) for (j in seq_len(i)) {
      column <- column + 1
      second[[offset + i, offset + j]] <- second[[offset + j, offset + i]] <- expand(column)
    }
    offset <- offset + p
  }
  list(first = first, second = second)
}

dense_state <- function(theta, model) {
  V <- dense_covariance(theta, model$components)
  root <- tryCatch(chol(V), error = function(e) NULL)
  # Every component must be a covariance matrix by itself, not only their sum.
  proper <- all(mapply(function(part, own) {
    min(eigen(part$small(own), TRUE, TRUE)$values) > 0
  }, model$components, split_theta(theta, model$components)))
  if (is.null(root) || !proper) return(NULL)
  inverse <- chol2inv(root)
  information <- t(model$X) %*% inverse %*% model$X
  Phi <- solve(information)
  beta <- drop(Phi %*% t(model$X) %*% inverse %*% model$y)
  residuals <- drop(model$y - model$X %*% beta)
  n <- nrow(model$X)
  p <- ncol(model$X)
  quadratic <- drop(t(residuals) %*% inverse %*% residuals)
  logdet <- 2 * sum(log(diag(root)))
  ml <- -0.5 * (n * log(2 * pi) + logdet + quadratic)
  reml <- -0.5 * ((n - p) * log(2 * pi) + logdet + as.numeric(determinant(information)$modulus) + quadratic)
  list(V = V, inverse = inverse, Phi = Phi, beta = beta, residuals = residuals, ml = ml, reml = reml,
       projection = inverse - inverse %*% model$X %*% Phi %*% t(model$X) %*% inverse)
}

# Score, observed and expected information of the restricted or the full likelihood.
dense_information <- function(theta, model, state, method = "reml") {
  derivatives <- dense_derivatives(theta, model$components)
  q <- length(theta)
  K <- if (method == "reml") state$projection else state$inverse
  Py <- drop(state$inverse %*% state$residuals)
  KV <- lapply(derivatives$first, function(D) K %*% D)
  score <- vapply(seq_len(q), function(i) {
    -0.5 * sum(diag(KV[[i]])) + 0.5 * drop(Py %*% derivatives$first[[i]] %*% Py)
  }, 1)
  expected <- observed <- matrix(0, q, q)
  for (i in seq_len(q)) for (j in seq_len(i)) {
    trace <- 0.5 * sum(KV[[i]] * t(KV[[j]]))
    curvature <- drop(Py %*% derivatives$first[[i]] %*% state$projection %*% derivatives$first[[j]] %*% Py)
    bend <- 0
    D <- derivatives$second[[i, j]]
    if (!is.null(D)) bend <- 0.5 * sum(K * D) - 0.5 * drop(Py %*% D %*% Py)
    expected[i, j] <- expected[j, i] <- trace
    observed[i, j] <- observed[j, i] <- curvature - trace + bend
  }
  list(score = score, expected = expected, observed = observed, derivatives = derivatives)
}

# Scoring until near, then Newton; halve the step while the likelihood falls or V is no covariance matrix.
dense_fit <- function(spec, data, method = "reml", start = NULL) {
  formula <- as.formula(spec$formula)
  frame <- model.frame(formula, data)
  model <- list(X = model.matrix(formula, frame), y = model.response(frame), components = dense_components(spec, data))
  spread <- var(lm.fit(model$X, model$y)$residuals) / length(model$components)
  theta <- if (is.null(start)) unlist(lapply(model$components, function(part) part$start(spread))) else start
  state <- dense_state(theta, model)
  stopifnot(!is.null(state))
  for (iteration in 1:200) {
    information <- dense_information(theta, model, state, method)
    newton <- tryCatch(chol(information$observed), error = function(e) NULL)
    curvature <- if (is.null(newton) || iteration < 4) information$expected else information$observed
    step <- solve(curvature, information$score)
    decrement <- sum(step * information$score)
    if (decrement < 1e-18) break
    fraction <- 1
    repeat {
      proposal <- dense_state(theta + fraction * step, model)
      if (!is.null(proposal) && proposal[[method]] >= state[[method]] - 1e-11) break
      fraction <- fraction / 2
      if (fraction < 1e-12) break
    }
    if (fraction < 1e-12) break
    theta <- theta + fraction * step
    state <- proposal
  }
  stopifnot(decrement < 1e-12)
  c(list(spec = spec, data = data, model = model, theta = theta, method = method, decrement = decrement), state,
    list(information = dense_information(theta, model, state, method)))
}

# Kenward and Roger (1997): P, Q and R of every covariance parameter, W the variance of those parameters.
kenward_roger <- function(fit, information = c("observed", "expected"), second_derivatives = TRUE) {
  information <- match.arg(information)
  X <- fit$model$X
  first <- fit$information$derivatives$first
  second <- fit$information$derivatives$second
  q <- length(first)
  W <- solve(fit$information[[information]])
  Phi <- fit$Phi
  VX <- fit$inverse %*% X
  P <- lapply(first, function(D) -t(VX) %*% D %*% VX)
  inner <- matrix(0, ncol(X), ncol(X))
  for (i in seq_len(q)) for (j in seq_len(q)) {
    Q <- t(VX) %*% first[[i]] %*% fit$inverse %*% first[[j]] %*% VX
    R <- if (second_derivatives && !is.null(second[[i, j]])) t(VX) %*% second[[i, j]] %*% VX else 0
    inner <- inner + W[i, j] * (Q - P[[i]] %*% Phi %*% P[[j]] - R / 4)
  }
  list(vcov = Phi + 2 * Phi %*% inner %*% Phi, Phi = Phi, P = P, W = W)
}

# F test of L beta = 0 with the 1997 scaling, matched to Hotelling's T2 and the one-way F where those are exact.
kenward_roger_test <- function(fit, L, information) {
  kr <- kenward_roger(fit, information)
  L <- matrix(L, ncol = length(fit$beta))
  l <- nrow(L)
  Theta <- t(L) %*% solve(L %*% kr$Phi %*% t(L)) %*% L
  M <- lapply(kr$P, function(P) Theta %*% kr$Phi %*% P %*% kr$Phi)
  q <- length(M)
  A1 <- A2 <- 0
  for (i in seq_len(q)) for (j in seq_len(q)) {
    A1 <- A1 + kr$W[i, j] * sum(diag(M[[i]])) * sum(diag(M[[j]]))
    A2 <- A2 + kr$W[i, j] * sum(M[[i]] * t(M[[j]]))
  }
  B <- (A1 + 6 * A2) / (2 * l)
  g <- ((l + 1) * A1 - (l + 4) * A2) / ((l + 2) * A2)
  scale <- 3 * l + 2 * (1 - g)
  c1 <- g / scale
  c2 <- (l - g) / scale
  c3 <- (l + 2 - g) / scale
  mean <- 1 / (1 - A2 / l)
  variance <- 2 / l * (1 + c1 * B) / ((1 - c2 * B)^2 * (1 - c3 * B))
  rho <- variance / (2 * mean^2)
  df <- 4 + (l + 2) / (l * rho - 1)
  lambda <- df / (mean * (df - 2))
  estimate <- L %*% fit$beta
  statistic <- lambda / l * drop(t(estimate) %*% solve(L %*% kr$vcov %*% t(L)) %*% estimate)
  c(F = statistic, df1 = l, df2 = df)
}

satterthwaite_df <- function(fit, contrast, information = "observed") {
  W <- solve(fit$information[[information]])
  VX <- fit$inverse %*% fit$model$X
  u <- VX %*% fit$Phi %*% contrast
  gradient <- vapply(fit$information$derivatives$first, function(D) drop(t(u) %*% D %*% u), 1)
  drop(2 * (t(contrast) %*% fit$Phi %*% contrast)^2 / (gradient %*% W %*% gradient))
}

# Fai and Cornelius (1996), as lmerTest: one df per eigenvector of the contrasts' covariance.
satterthwaite_test <- function(fit, L) {
  decomposition <- eigen(L %*% fit$Phi %*% t(L), TRUE)
  rotated <- t(decomposition$vectors) %*% L
  l <- nrow(L)
  nu <- apply(rotated, 1, function(row) satterthwaite_df(fit, row))
  statistic <- sum((rotated %*% fit$beta)^2 / decomposition$values) / l
  E <- sum((nu / (nu - 2))[nu > 2])
  df <- if (max(nu) - min(nu) < 1e-8) mean(nu) else 2 * E / (E - l)
  c(F = statistic, df1 = l, df2 = df)
}

# Sandwich of Liang and Zeger (CR0), with m / (m - 1) (CR1), and of Bell and McCaffrey for the fitted working covariance
# (CR2), with Satterthwaite df of Pustejovsky and Tipton (2018). Clusters must not share a block of V.
sandwich <- function(fit, cluster, type) {
  X <- fit$model$X
  labels <- as.character(cluster)
  members <- split(seq_along(labels), labels)
  stopifnot(max(abs(fit$V * (outer(labels, labels, "!=")))) < 1e-12)
  halves <- lapply(members, function(rows) {
    Xi <- X[rows, , drop = FALSE]
    Vi <- fit$V[rows, rows, drop = FALSE]
    A <- diag(length(rows))
    if (type == "CR2") {
      D <- chol(Vi)
      B <- D %*% (Vi - Xi %*% fit$Phi %*% t(Xi)) %*% t(D)
      E <- eigen((B + t(B)) / 2, TRUE)
      power <- ifelse(E$values > 1e-10 * max(E$values), 1 / sqrt(pmax(E$values, 1e-300)), 0)
      A <- t(D) %*% E$vectors %*% (power * t(E$vectors)) %*% D
    }
    t(Xi) %*% solve(Vi) %*% A
  })
  scores <- mapply(function(half, rows) drop(fit$Phi %*% half %*% fit$residuals[rows]), halves, members)
  m <- length(members)
  factor <- if (type == "CR1") m / (m - 1) else 1
  vcov <- factor * scores %*% t(scores)
  df <- vapply(seq_along(fit$beta), function(j) {
    # Row g of H turns the errors into cluster g's score: (I - H)_g' A_g W_g X_g Phi c.
    G <- mapply(function(half, rows) {
      own <- drop(t(half) %*% fit$Phi[, j])
      full <- numeric(nrow(X))
      full[rows] <- own
      full - drop(fit$inverse %*% X %*% fit$Phi %*% (t(X[rows, , drop = FALSE]) %*% own))
    }, halves, members)
    P <- t(G) %*% fit$V %*% G
    sum(diag(P))^2 / sum(P^2)
  }, 1)
  list(vcov = vcov, df = df)
}

# Henderson's error of predicting X beta + effects of subject and clusters in the used rows, V taken as known.
prediction_error <- function(fit) {
  above <- Map(function(part, own) if (startsWith(part$name, "residual")) 0 else part$expand(part$small(own)),
               fit$model$components, split_theta(fit$theta, fit$model$components))
  C <- Reduce(`+`, above)
  gap <- fit$model$X - C %*% fit$inverse %*% fit$model$X
  list(value = drop(fit$model$X %*% fit$beta + C %*% fit$inverse %*% fit$residuals),
       se = sqrt(diag(C - C %*% fit$inverse %*% C + gap %*% fit$Phi %*% t(gap))))
}
